import { randomUUID } from 'node:crypto';

/** The headers of the caller of the load test: a new member. `url` is the address of the service. */
export async function callerHeaders(url: string): Promise<Record<string, string>> {
  const user = { email: `${randomUUID()}@example.com`, password: randomUUID() };
  await post(`${url}/api/v1/auth/register`, user);
  const { access_token } = (await post(`${url}/api/v1/auth/login`, user)) as { access_token: string };
  return { authorization: `Bearer ${access_token}` };
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}
