import { pipeline, Readable } from 'node:stream';
import { createGzip, gzip } from 'node:zlib';

import type { FastifyInstance, FastifyReply } from 'fastify';

const COMPRESSED_FROM_BYTES = 1024;
const LEVEL = 5;

/** Compresses what is worth it, for clients that accept it. */
export function addCompression(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!isWorthIt(payload, reply) || !acceptsGzip(request.headers['accept-encoding'])) {
      done(null, payload);
      return;
    }
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    if (typeof payload === 'string') gzip(payload, { level: LEVEL }, done);
    else done(null, compressed(payload));
  });
}

/** A stream is worth it if its length is not known: files have one, and are small. */
function isWorthIt(payload: unknown, reply: FastifyReply): payload is string | Readable {
  if (typeof payload === 'string') return payload.length > COMPRESSED_FROM_BYTES;
  return payload instanceof Readable && !reply.hasHeader('content-length');
}

function acceptsGzip(acceptEncoding: string | string[] | undefined): boolean {
  return typeof acceptEncoding === 'string' && /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(acceptEncoding);
}

function compressed(stream: Readable): Readable {
  // The end of one of them, early or not, ends the other one. Fastify handles its error.
  return pipeline(stream, createGzip({ level: LEVEL }), () => undefined);
}
