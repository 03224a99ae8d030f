import { readFileSync } from 'node:fs';

/** A variable is missing or not valid. The message names it. */
export class ConfigError extends Error {}

/**
 * Reads environment variables and collects every problem, so that one run names them all.
 *
 * An empty variable counts as unset, because compose files pass unset variables as empty ones. `NAME_FILE` names the
 * file that holds the value of `NAME`: this serves container secrets.
 */
export class Env {
  readonly #variables: NodeJS.ProcessEnv;
  readonly #problems: string[] = [];

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  optional(name: string): string | undefined {
    if (this.#variables[name]) return this.#variables[name];
    const file = this.#variables[`${name}_FILE`];
    if (!file) return undefined;
    try {
      return readFileSync(file, 'utf8').trim() || undefined;
    } catch {
      this.refuse(`${name}_FILE`, `${file} cannot be read`);
      return undefined;
    }
  }

  string(name: string, fallback: string): string {
    return this.optional(name) ?? fallback;
  }

  number(name: string, fallback: number, { min = 0, max = Infinity, integer = false } = {}): number {
    const text = this.optional(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value < min || value > max || (integer && !Number.isInteger(value))) {
      const range = max === Infinity ? `at least ${min}` : `from ${min} to ${max}`;
      this.refuse(name, `must be ${integer ? 'an integer' : 'a number'}, ${range}`);
    }
    return value;
  }

  integer(name: string, fallback: number, { min = 1, max = Number.MAX_SAFE_INTEGER } = {}): number {
    return this.number(name, fallback, { min, max, integer: true });
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  }

  oneOf<const T extends string>(name: string, values: readonly T[], fallback: NoInfer<T>): T {
    const text = this.string(name, fallback);
    const value = values.find((each) => each === text);
    if (value === undefined) this.refuse(name, `must be ${values.join(' or ')}`);
    return value ?? fallback;
  }

  list(name: string, fallback: string[] = []): string[] {
    const parts = this.optional(name)?.split(',') ?? fallback;
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }

  refuse(name: string, reason: string): void {
    this.#problems.push(`${name}: ${reason}`);
  }

  /** @throws ConfigError if anything was refused */
  check(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems.join('; '));
  }
}
