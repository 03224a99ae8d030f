/** Operations: what a route takes, who may call it and what it answers. Checks and the API document both read this. */

import type { IRoute, ParamsDictionary, RequestHandler } from 'express-serve-static-core';
import type { ZodObject, ZodType } from 'zod';

import type { Permission } from '../permissions.ts';
import type { ProblemCode } from '../problems.ts';
import { authorize } from './access.ts';
import { type Deprecation, deprecationHeaders } from './deprecation.ts';
import { checkHeaders, parseBody, parseParams, parseQuery } from './validation.ts';

declare module 'express-serve-static-core' {
  // oxlint-disable-next-line typescript/no-explicit-any -- the parameters of the type must be those of Express
  interface Request<P, ResBody, ReqBody, ReqQuery, LocalsObj extends Record<string, any>> {
    /** What the schemas of the operation make of the request. */
    valid: { params: P; query: ReqQuery; body: ReqBody };
  }
}

export interface Operation<Params = unknown, Query = unknown, Body = unknown, Answer = unknown> {
  operationId: string;
  summary: string;
  description: string;
  tags: readonly string[];
  /**
   * The permission that a caller needs. `authenticated` is for every caller with valid credentials. An operation without
   * one must be on the list of public paths.
   */
  permission?: Permission | 'authenticated';
  params?: ZodType<Params>;
  query?: ZodType<Query>;
  /** Their names are in lower case. */
  headers?: ZodObject;
  body?: ZodType<Body>;
  /** The body of each successful response by status, or the description of one without a body. */
  responses: Readonly<Record<number, ZodType<Answer> | string>>;
  /** The media type of these bodies, if it is not JSON. */
  mediaType?: string;
  /** What the route may answer beside the problems that its schemas imply. */
  problems?: readonly ProblemCode[];
  deprecated?: Deprecation;
  /** Whether the API document leaves it out. */
  hidden?: boolean;
}

export type OperationHandler<Params = unknown, Query = unknown, Body = unknown, Answer = unknown> = RequestHandler<
  Params,
  Answer,
  Body,
  Query
> & { operation: Operation };

/** The first handler of a route. It refuses requests that are not allowed or not valid, before the body is received. */
export function operation<Params = ParamsDictionary, Query = undefined, Body = undefined, Answer = never>(
  record: Operation<Params, Query, Body, Answer>,
): OperationHandler<Params, Query, Body, Answer> {
  const check: RequestHandler<Params, Answer, Body, Query> = async (req, res, next) => {
    req.template = templateOf(req.baseUrl, (req.route as IRoute).path);
    if (record.deprecated !== undefined) res.set(deprecationHeaders(record.deprecated));
    authorize(req, record.permission);
    checkHeaders(record.headers, req);
    const params = parseParams(record.params, req.params);
    const query = parseQuery(record.query, req);
    req.valid = { params, query, body: await parseBody(record.body, req) };
    next();
  };
  return Object.assign(check, { operation: record });
}

/** The path of a route below the path where its router is mounted. */
export function templateOf(mount: string, path: string): string {
  return `${mount === '/' ? '' : mount}${path === '/' ? '' : path}`;
}
