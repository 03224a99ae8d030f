import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Record<
  'name' | 'version' | 'description',
  string
>;

export const { name: NAME, version: VERSION, description: DESCRIPTION } = manifest;
