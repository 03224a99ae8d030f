/** The headers of the caller of the load test: it is anonymous. */
export function callerHeaders(_url: string): Promise<Record<string, string>> {
  return Promise.resolve({});
}
