/** The security schemes of the OpenAPI document: there are none, because callers send no credentials. */

import type { ProblemCode } from '../problems.ts';

export const SECURITY_SCHEMES = {};

/** What a route with a permission may answer to a request without valid credentials. */
export const REFUSALS: readonly ProblemCode[] = [];
