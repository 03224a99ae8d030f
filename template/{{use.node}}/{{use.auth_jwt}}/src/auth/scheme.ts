/** The security schemes of the OpenAPI document: callers send an access token as bearer. */

import type { ProblemCode } from '../problems.ts';

export const SECURITY_SCHEMES = { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } as const;

/** What a route with a permission may answer to a request without valid credentials. */
export const REFUSALS: readonly ProblemCode[] = ['unauthenticated', 'token_expired'];
