import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

import { ServiceError } from '../errors.ts';
import type { ProblemCode } from '../problems.ts';

/** The codes of exceptions of Nest, which libraries throw. */
const CODES: Readonly<Record<number, ProblemCode>> = {
  400: 'invalid_parameter',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  422: 'validation_failed',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Hands every error of a route to the error handler of the server, which answers with a problem document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<FastifyReply>().send(asError(error));
  }
}

function asError(error: unknown): Error {
  if (error instanceof HttpException) {
    const code = CODES[error.getStatus()];
    return code === undefined ? error : new ServiceError(code, error.message);
  }
  return error instanceof Error ? error : new Error(String(error));
}
