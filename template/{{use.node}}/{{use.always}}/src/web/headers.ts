/** What every request and every response has in common. */

import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import type { Settings } from '../config/index.ts';
import type { RequestContext } from '../context.ts';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Responses that no route has changed have these headers. */
export function defaultHeaders(settings: Settings): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    vary: 'accept-encoding',
    ...(settings.isProduction && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
  };
}

/** @param address of the client */
export function createContext(headers: IncomingHttpHeaders, address: string): RequestContext {
  const sent = headers['x-request-id'];
  const traceparent = headers['traceparent'];
  return {
    requestId: typeof sent === 'string' && REQUEST_ID.test(sent) ? sent : randomUUID().replaceAll('-', ''),
    address,
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : '',
  };
}

/** @param allowed names of hosts; `*.example.com` allows all subdomains, `*` all hosts */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = host.toLowerCase();
  return allowed.some(
    (each) => each === '*' || each === name || (each.startsWith('*.') && name.endsWith(each.slice(1))),
  );
}
