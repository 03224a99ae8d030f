import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import type { FastifyInstance } from 'fastify';

import { acceptsGzip } from './headers.ts';

const COMPRESSED_FROM_BYTES = 1024;

const compress = promisify(gzip);

/** Compresses what is worth it, for clients that accept it. */
export function addCompression(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload) => {
    const isWorthIt = typeof payload === 'string' && payload.length > COMPRESSED_FROM_BYTES;
    if (!isWorthIt || !acceptsGzip(request.headers['accept-encoding'])) return payload;
    reply.header('content-encoding', 'gzip').removeHeader('content-length');
    return compress(payload, { level: 5 });
  });
}
