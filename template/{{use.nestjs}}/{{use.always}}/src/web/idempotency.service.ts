/** The `Idempotency-Key` header. */

import { Injectable } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import { callerOf } from '../context.ts';
import { Database, type Session } from '../database.ts';
import { ServiceError } from '../errors.ts';
import { findResponse, type IdempotentRequest, type Response, storeResponse } from '../idempotency/index.ts';

const HEADER = 'idempotency-key';
const PATTERN = '^[!-~]([ -~]*[!-~])?$';
const MAX_LENGTH = 255;

interface Outcome extends Response {
  isReplayed: boolean;
}

/** Describes the header. */
export function ApiIdempotencyKey(): MethodDecorator & ClassDecorator {
  return ApiHeader({
    name: HEADER,
    required: false,
    description: 'Any text that identifies this create. Repeating it repeats the first response for 24 hours.',
    schema: { type: 'string', minLength: 1, maxLength: MAX_LENGTH, pattern: PATTERN },
  });
}

@Injectable()
export class IdempotencyService {
  constructor(private readonly database: Database) {}

  /**
   * Create something once, even if the client repeats the request with the same key. The transaction of `create` also
   * stores its response.
   *
   * @throws invalid_parameter, idempotency_in_progress, idempotency_key_reused, and what `create` throws
   */
  createOnce(request: FastifyRequest, create: (session: Session) => Promise<Response>): Promise<Outcome> {
    const idempotent = idempotentRequest(request);
    return this.database.transaction(async (session) => {
      if (idempotent === undefined) return { ...(await create(session)), isReplayed: false };
      const stored = await findResponse(session, idempotent);
      if (stored !== undefined) return { ...stored, isReplayed: true };
      const response = await create(session);
      await storeResponse(session, idempotent, response);
      return { ...response, isReplayed: false };
    });
  }
}

/** Sets the headers of a response to a create. Returns its body. */
export function respondWith(reply: FastifyReply, { status, location, etag, body, isReplayed }: Outcome): string {
  if (isReplayed) reply.header('idempotent-replayed', 'true');
  reply.code(status).headers({ location, etag }).type('application/json; charset=utf-8');
  return body;
}

/** Undefined without a key. */
function idempotentRequest(request: FastifyRequest): IdempotentRequest | undefined {
  const key = request.headers[HEADER];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key.length > MAX_LENGTH || !new RegExp(PATTERN).test(key)) {
    const detail = `must have 1 to ${MAX_LENGTH} printable characters`;
    throw new ServiceError('invalid_parameter', '1 field is not valid', {
      errors: [{ pointer: HEADER, code: 'invalid_format', detail }],
    });
  }
  return {
    caller: callerOf(request.context),
    route: `${request.method} ${request.path}`,
    key,
    body: JSON.stringify(request.body),
  };
}
