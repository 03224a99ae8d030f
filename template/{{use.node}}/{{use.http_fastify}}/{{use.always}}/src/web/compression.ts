import { pipeline, Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gzip } from 'node:zlib';

import type { FastifyInstance, FastifyReply } from 'fastify';

import { acceptsGzip } from './headers.ts';

const COMPRESSED_FROM_BYTES = 1024;
const LEVEL = 5;

const compress = promisify(gzip);

/** Compresses what is worth it, for clients that accept it. */
export function addCompression(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    if (!isWorthIt(payload, reply) || !acceptsGzip(request.headers['accept-encoding'])) return payload;
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    return typeof payload === 'string' ? compress(payload, { level: LEVEL }) : compressed(payload);
  });
}

/** A stream is worth it if its length is not known: files have one, and are small. */
function isWorthIt(payload: unknown, reply: FastifyReply): payload is string | Readable {
  if (typeof payload === 'string') return payload.length > COMPRESSED_FROM_BYTES;
  return payload instanceof Readable && !reply.hasHeader('content-length');
}

function compressed(stream: Readable): Readable {
  // The end of one of them, early or not, ends the other one. Fastify handles its error.
  return pipeline(stream, createGzip({ level: LEVEL }), () => undefined);
}
