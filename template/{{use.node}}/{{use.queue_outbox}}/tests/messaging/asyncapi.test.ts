/** The AsyncAPI document: up to date, and valid as far as AsyncAPI 3.0 can be checked without its JSON schema. */

import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { asyncApi } from '../../scripts/asyncapi.ts';
import { runInContext } from '../../src/context.ts';
import { HEADERS } from '../../src/messaging/index.ts';
import { DATA, HANDLERS } from '../../src/subscriptions.ts';
import { openDatabase } from '../services.ts';
import { Noted, send, waiting } from './messages.ts';

const COMMITTED = JSON.parse(readFileSync('docs/asyncapi.json', 'utf8')) as ReturnType<typeof asyncApi>;
const TeaPoured = {
  $id: 'TeaPoured',
  description: 'Tea was poured.',
  type: 'object',
  properties: { cups: { type: 'integer' } },
};
const EXAMPLE = asyncApi(
  { 'tea.poured': [new Noted().note], 'tea.spilled': [] },
  { 'tea.poured': TeaPoured, 'tea.spilled': TeaPoured },
);

test('docs/asyncapi.json is up to date: otherwise, run `make asyncapi`', () => {
  expect(JSON.parse(JSON.stringify(asyncApi(HANDLERS, DATA)))).toEqual(COMMITTED);
});

test.each([
  ['committed', COMMITTED],
  ['example', EXAMPLE],
])('every reference of the %s document leads to a part of it', (_name, document) => {
  for (const path of referencesOf(document)) {
    let part: unknown = document;
    for (const name of path.split('/')) part = (part as Record<string, unknown>)[name];
    expect(part, path).toBeTypeOf('object');
  }
});

test('the document of events has references', () => {
  expect(referencesOf(EXAMPLE).length).toBeGreaterThan(5);
});

test('the document describes the envelope and the data of an event', () => {
  const schemas: Record<string, object> = EXAMPLE.components.schemas;
  expect(schemas['tea.poured']).toMatchObject({
    required: ['specversion', 'id', 'source', 'type', 'subject', 'time', 'datacontenttype', 'data'],
    properties: { type: { const: 'tea.poured' }, data: { $ref: '#/components/schemas/TeaPoured' } },
  });
  expect(schemas['tea.poured']).not.toHaveProperty('properties.owner');
  const { $id, ...schema } = TeaPoured;
  expect(schemas[$id]).toEqual(schema);
});

test('an event that is only for other services is sent but not received', () => {
  expect(Object.keys(EXAMPLE.operations)).toEqual(['send.tea.poured', 'send.tea.spilled', 'receive.tea.poured']);
});

test('an event whose data is unknown is named', () => {
  expect(() => asyncApi({ 'tea.poured': [] }, {})).toThrow('must both have tea.poured');
});

test('messages have the headers of the document', async () => {
  const database = await openDatabase();
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await runInContext({ requestId: 'r1', traceparent, address: '' }, () => send(database));
  expect(Object.keys((await waiting(database))[0] ?? {})).toEqual(expect.arrayContaining(Object.keys(HEADERS)));
});

function referencesOf(document: object): string[] {
  return [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]*)"/g)].map(([, path = '']) => path);
}
