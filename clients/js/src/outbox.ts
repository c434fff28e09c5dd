/** What one connection sends: below the server's limit of messages in any 60 s; what is too much waits. */

import type { Effect } from "./effects.ts";

const WINDOW_MS = 60_000;

/** Messages that may wait. */
const WAITING_MAX = 10_000;

export class Outbox {
  readonly #perMinute: number;
  readonly #effects: Effect[];
  #sentMs: number[] = [];
  #waiting: string[] = [];
  #number = 0;

  /** What may be sent is added to `effects`. */
  constructor(perMinute: number, effects: Effect[]) {
    this.#perMinute = perMinute;
    this.#effects = effects;
  }

  /** How many messages wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Begin afresh: another connection has a limit of its own. */
  reset(): void {
    this.#sentMs = [];
    this.#waiting = [];
  }

  /** Return how many messages may be sent at `nowMs`. */
  room(nowMs: number): number {
    while (this.#sentMs.length > 0 && this.#sentMs[0]! <= nowMs - WINDOW_MS) this.#sentMs.shift();
    return this.#perMinute - this.#sentMs.length;
  }

  /** Return when the next message may be sent. */
  freeMs(nowMs: number): number {
    return this.room(nowMs) > 0 ? nowMs : this.#sentMs[0]! + WINDOW_MS;
  }

  /** Send a request as soon as the limit allows, and return its id. */
  send(method: string, params: object, nowMs: number, ownId?: string): string {
    this.#number += 1;
    const id = ownId ?? `${method}-${this.#number}`;
    if (this.#waiting.length >= WAITING_MAX) {
      this.#effects.push({ kind: "notice", text: `${WAITING_MAX} messages wait to be sent: a ${method} is left out` });
      return id;
    }
    this.#waiting.push(JSON.stringify({ id, method, params }));
    this.flush(nowMs);
    return id;
  }

  /** Send what waits, as far as the limit allows. */
  flush(nowMs: number): void {
    while (this.#waiting.length > 0 && this.room(nowMs) > 0) {
      this.#sentMs.push(nowMs);
      this.#effects.push({ kind: "send", text: this.#waiting.shift()! });
    }
  }
}
