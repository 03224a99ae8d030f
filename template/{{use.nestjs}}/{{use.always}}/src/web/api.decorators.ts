/** Decorators that describe a route in the API document, beside those of `@nestjs/swagger`. */

import { ApiExtension, ApiHeader } from '@nestjs/swagger';

import type { ProblemCode } from '../problems.ts';

/** What a route may answer beside the problems that its parameters and its permission imply. */
export function ApiProblems(...codes: ProblemCode[]): MethodDecorator {
  return ApiExtension('x-problems', codes);
}

/** The header of a conditional change. */
export function ApiIfMatch({ required = false } = {}): MethodDecorator {
  return ApiHeader({ name: 'if-match', required, description: 'The `ETag` of the version to change.' });
}

/** The header of a conditional read. */
export function ApiIfNoneMatch(): MethodDecorator {
  const description = 'The `ETag` of the version that the caller has.';
  return ApiHeader({ name: 'if-none-match', required: false, description });
}
