/** How long to wait before connecting again: the specification's 1 s, doubled up to 30 s, and shortened by chance. */

export interface BackoffOptions {
  initialMs: number;
  maxMs: number;
  multiplier: number;
  /** The largest part of a delay that chance takes away, so that clients do not all come at once. */
  jitter: number;
}

export const BACKOFF: BackoffOptions = { initialMs: 1000, maxMs: 30_000, multiplier: 2, jitter: 0.25 };

export class Backoff {
  /** Attempts since the last connection that served. */
  attempts = 0;
  readonly #options: BackoffOptions;
  readonly #random: () => number;

  /** `random` gives numbers from 0 to below 1. */
  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  /** Return the next delay. */
  nextMs(): number {
    const { initialMs, maxMs, multiplier, jitter } = this.#options;
    const fullMs = Math.min(maxMs, initialMs * multiplier ** Math.min(this.attempts, 64));
    this.attempts += 1;
    return Math.round(fullMs * (1 - jitter * this.#random()));
  }

  /** Begin afresh: the connection has served. */
  reset(): void {
    this.attempts = 0;
  }
}
