import type { Response } from 'express';

/** Whether the process is about to stop. Then every response closes its connection, also those that are being made. */
export class Draining {
  readonly #responses = new Set<Response>();
  #started = false;

  get hasStarted(): boolean {
    return this.#started;
  }

  start(): void {
    this.#started = true;
    for (const res of this.#responses) closeConnection(res);
  }

  add(res: Response): void {
    if (this.#started) closeConnection(res);
    this.#responses.add(res);
    res.once('close', () => this.#responses.delete(res));
  }
}

function closeConnection(res: Response): void {
  if (!res.headersSent) res.set('connection', 'close');
}
