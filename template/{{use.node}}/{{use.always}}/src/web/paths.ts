const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
/** These paths and the paths below them have no rate limit. */
const UNLIMITED = ['/openapi.json', '/docs', '/.well-known'];

/** Requests to probes are not logged or authenticated. Rate limits and load shedding do not apply to them. */
export function isProbe(path: string): boolean {
  return PROBES.has(path);
}

export function hasRateLimit(path: string): boolean {
  return !isProbe(path) && !UNLIMITED.some((each) => path === each || path.startsWith(`${each}/`));
}

/** The path of a URL, without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}
