/** Deprecated routes: their answers say since when, until when, and what replaces them (RFC 9745, RFC 8594). */

export interface Deprecation {
  since: Date;
  sunset: Date;
  /** The path that replaces the route. */
  successor: string;
}

export function deprecationHeaders({ since, sunset, successor }: Deprecation): Record<string, string> {
  return {
    deprecation: `@${Math.floor(since.getTime() / 1000)}`,
    sunset: sunset.toUTCString(),
    link: `<${successor}>; rel="successor-version"`,
  };
}
