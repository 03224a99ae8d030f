import type { ProblemCode } from './problems.ts';

/** One invalid value of a request. `pointer` is a JSON pointer into the body, or the name of a parameter. */
export interface InvalidValue {
  pointer: string;
  code: string;
  detail: string;
}

interface Facts {
  /** The number of seconds after which the same request may succeed. */
  retryAfter?: number;
  errors?: InvalidValue[];
  headers?: Record<string, string>;
}

/**
 * The service refuses a request, and may tell the caller why. The web layer answers with the problem document of
 * `code`. `detail` is one sentence for the caller, without internal facts.
 */
export class ServiceError extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  readonly facts: Facts;

  constructor(code: ProblemCode, detail?: string, facts: Facts = {}) {
    super(detail ?? code);
    this.code = code;
    this.detail = detail;
    this.facts = facts;
  }
}

/** A backup cannot be made or restored. The message is one line for the operator. */
export class BackupError extends Error {}
