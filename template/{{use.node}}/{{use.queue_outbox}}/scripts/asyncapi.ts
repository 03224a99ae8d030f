/** Prints the AsyncAPI document: `make asyncapi` writes it to docs/asyncapi.json. */

import { CHANNELS, type DataSchemas, type Handlers, HEADERS } from '../src/messaging/index.ts';
import { DATA, HANDLERS } from '../src/subscriptions.ts';
import { DESCRIPTION, NAME, VERSION } from '../src/version.ts';

interface DataSchema {
  $id: string;
  description: string;
}

if (import.meta.main) {
  try {
    process.stdout.write(`${JSON.stringify(sorted(asyncApi(HANDLERS, DATA)), null, 2)}\n`);
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

/** The AsyncAPI document of a service with these handlers. @throws if they and `data` do not name the same events */
export function asyncApi(handlers: Handlers, schemas: DataSchemas) {
  const data = schemas as Record<string, DataSchema>;
  const types = Object.keys({ ...handlers, ...data });
  const odd = types.find((type) => !Object.hasOwn(handlers, type) || !Object.hasOwn(data, type));
  if (odd !== undefined) throw new Error(`HANDLERS and DATA of src/subscriptions.ts must both have ${odd}`);
  return {
    asyncapi: '3.0.0',
    info: { title: NAME, version: VERSION, description: DESCRIPTION },
    defaultContentType: 'application/cloudevents+json',
    channels: mapped(CHANNELS, (channel) => ({
      ...channel,
      messages: mapped(data, (_, type) => ref('components/messages', type)),
    })),
    operations: operations(handlers),
    components: { messages: mapped(data, message), schemas: components(data) },
  };
}

function operations(handlers: Handlers) {
  const types = Object.keys(handlers);
  const sent = types.map((type) => [`send.${type}`, operation('send', 'events', type)] as const);
  const received = types
    // An event without handlers is only for other services.
    .filter((type) => handlers[type]?.length !== 0)
    .map((type) => [`receive.${type}`, operation('receive', 'queue', type)] as const);
  return Object.fromEntries([...sent, ...received]);
}

function operation(action: 'send' | 'receive', channel: keyof typeof CHANNELS, type: string) {
  return { action, channel: ref('channels', channel), messages: [ref(`channels/${channel}/messages`, type)] };
}

function message({ description }: DataSchema, type: string) {
  return {
    name: type,
    summary: description,
    headers: ref('components/schemas', 'Headers'),
    payload: ref('components/schemas', type),
  };
}

function components(data: Record<string, DataSchema>) {
  const properties = mapped(HEADERS, (description) => ({ type: 'string', description }));
  const named = Object.values(data).map(({ $id, ...schema }) => [$id, schema] as const);
  return { Headers: { type: 'object', properties }, ...Object.fromEntries(named), ...mapped(data, envelope) };
}

/** The envelope with the type and the data of an event. */
function envelope({ $id, description }: DataSchema, type: string) {
  const properties = {
    specversion: { const: '1.0', type: 'string' },
    id: { type: 'string', format: 'uuid' },
    source: { type: 'string', examples: [NAME] },
    type: { const: type, type: 'string' },
    subject: { type: 'string', maxLength: 255 },
    time: { type: 'string', format: 'date-time' },
    datacontenttype: { const: 'application/json', type: 'string' },
    data: ref('components/schemas', $id),
  };
  return { type: 'object', description, required: Object.keys(properties), properties };
}

function ref(path: string, name: string) {
  return { $ref: `#/${path}/${name}` };
}

function mapped<Value, Result>(values: Readonly<Record<string, Value>>, map: (value: Value, name: string) => Result) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value, name)] as const));
}

/** The same value. The fields of each object are in the order of their names, so that the document is easy to compare. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)] as const));
}
