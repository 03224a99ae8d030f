/** Request bodies: JSON in UTF-8, of limited size. */

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { ServiceError } from '../errors.ts';
import type { Load } from './load.ts';

const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;

export function addBodyParsers(app: FastifyInstance, load: Load): void {
  app.removeAllContentTypeParsers();

  const receive = async (request: FastifyRequest, payload: IncomingMessage): Promise<unknown> => {
    const body = await load.receive(payload, Number(request.headers['content-length'] ?? 0));
    return body.length === 0 ? undefined : parseJson(body);
  };
  app.addContentTypeParser('application/json', receive);
  app.addContentTypeParser(
    'application/merge-patch+json',
    async (request: FastifyRequest, payload: IncomingMessage): Promise<unknown> => {
      if (request.method !== 'PATCH') throw new ServiceError('unsupported_media_type');
      return receive(request, payload);
    },
  );
}

function parseJson(body: Buffer): unknown {
  // Decoding would replace invalid bytes in silence.
  if (!isUtf8(body)) throw new ServiceError('malformed_json');
  const text = body.toString();
  try {
    return ESCAPED_SURROGATE.test(text) ? JSON.parse(text, refuseHalfPairs) : JSON.parse(text);
  } catch {
    throw new ServiceError('malformed_json');
  }
}

/** Half of a surrogate pair is no character, and cannot be stored as UTF-8. */
function refuseHalfPairs(key: string, value: unknown): unknown {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) throw new SyntaxError('half a pair');
  return value;
}
