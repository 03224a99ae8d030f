/** Request bodies: JSON in UTF-8, of limited size. Not `express.json()`, which replaces invalid bytes in silence. */

import { isUtf8 } from 'node:buffer';

import type { Request, RequestHandler } from 'express';

import { ServiceError } from '../errors.ts';
import type { Load } from './load.ts';

declare global {
  namespace Express {
    interface Request {
      /** The JSON of the body; undefined without one. An operation reads it once it knows that the caller may send it. */
      readBody: () => Promise<unknown>;
    }
  }
}

const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;

export function bodyReader(load: Load): RequestHandler {
  return (req, _res, next) => {
    req.readBody = () => readJson(req, load);
    next();
  };
}

async function readJson(req: Request, load: Load): Promise<unknown> {
  const types = req.method === 'PATCH' ? ['application/json', 'application/merge-patch+json'] : ['application/json'];
  const type = req.is(types);
  if (type === null) return undefined;
  if (type === false) throw new ServiceError('unsupported_media_type');
  const body = await load.receive(req, Number(req.headers['content-length'] ?? 0));
  return body.length === 0 ? undefined : parseJson(body);
}

function parseJson(body: Buffer): unknown {
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
