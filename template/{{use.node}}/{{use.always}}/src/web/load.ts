import type { Readable } from 'node:stream';

import type { Settings } from '../config/index.ts';
import { ServiceError } from '../errors.ts';

/**
 * Requests in flight, and request bodies that are being received. While its body is received, a request does not count
 * as in flight: slow clients do not use up `MAX_CONCURRENCY`.
 */
export class Load {
  readonly #settings: Settings;
  #inFlight = 0;
  #uploads = 0;
  #uploadBytes = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** @throws overloaded */
  enter(): void {
    if (this.#inFlight >= this.#settings.maxConcurrency) throw new ServiceError('overloaded');
    this.#inFlight += 1;
  }

  leave(): void {
    this.#inFlight -= 1;
  }

  /**
   * Receive a whole body.
   *
   * @throws payload_too_large, request_timeout, overloaded
   */
  async receive(body: Readable, announcedBytes: number): Promise<Buffer> {
    if (announcedBytes > this.#settings.maxBodyBytes) throw new ServiceError('payload_too_large');
    if (this.#uploads >= this.#settings.maxUploads) throw new ServiceError('overloaded');
    this.#inFlight -= 1;
    this.#uploads += 1;
    let size = 0;
    const count = (bytes: number): void => {
      size += bytes;
      this.#uploadBytes += bytes;
      if (size > this.#settings.maxBodyBytes) throw new ServiceError('payload_too_large');
      if (this.#uploadBytes > this.#settings.maxUploadBytes) throw new ServiceError('overloaded');
    };
    const received = await collect(body, count, this.#settings.bodyTimeoutSeconds).finally(() => {
      this.#inFlight += 1;
      this.#uploads -= 1;
      this.#uploadBytes -= size;
    });
    if (this.#inFlight > this.#settings.maxConcurrency) throw new ServiceError('overloaded');
    return received;
  }
}

/** @param count is called with the size of each chunk, and may throw */
async function collect(body: Readable, count: (bytes: number) => void, seconds: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  const onData = (chunk: Buffer): void => {
    try {
      count(chunk.length);
      chunks.push(chunk);
    } catch (error) {
      reject(error);
    }
  };
  const onEnd = (): void => resolve(Buffer.concat(chunks));
  const onTimeout = (): void =>
    reject(new ServiceError('request_timeout', undefined, { headers: { connection: 'close' } }));
  const timer = setTimeout(onTimeout, seconds * 1000);
  body.on('data', onData).once('end', onEnd).once('error', onTimeout);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    body.off('data', onData).off('end', onEnd).off('error', onTimeout);
    // The rest of a body that is refused is read and dropped, so that the client gets to read the response.
    body.on('error', () => undefined).resume();
  }
}
