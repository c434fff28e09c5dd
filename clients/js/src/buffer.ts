/**
 * What lies between a stream and its reader. A browser's socket cannot be told to wait, so a reader that is slower
 * than its stream needs a rule; none of them loses anything without a count or an error.
 */

import { BufferOverflowError } from "./errors.ts";

/**
 * - `unbounded`: keep everything; more than `limit` waiting ends the stream with `BufferOverflowError`.
 * - `dropOldest`: keep the newest `limit`; what is dropped is counted in `dropped`.
 * - `latestOnly`: keep the newest one, of each market where a stream is of several; what it replaces is counted in
 *   `dropped`.
 */
export type BufferPolicy =
  | { policy: "unbounded"; limit?: number }
  | { policy: "dropOldest"; limit?: number }
  | { policy: "latestOnly" };

export const BUFFER_LIMIT = 100_000;

/** Freed places at the front are given back at once when there are so many. */
const SLACK = 1024;

export class Buffer<T> {
  /** How many items no reader will see. */
  dropped = 0;
  readonly #policy: BufferPolicy["policy"];
  readonly #limit: number;
  #items: T[] = [];
  #first = 0;

  constructor(options: BufferPolicy = { policy: "unbounded" }) {
    this.#policy = options.policy;
    this.#limit = options.policy === "latestOnly" ? 1 : (options.limit ?? BUFFER_LIMIT);
    if (!(this.#limit >= 1)) throw new RangeError("the limit of a buffer is at least 1");
  }

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** Add an item; throws `BufferOverflowError`, and does not add it, where nothing may be dropped. */
  push(item: T): void {
    if (this.length >= this.#limit) {
      if (this.#policy === "unbounded") {
        throw new BufferOverflowError(`the reader is slower than the stream: ${this.#limit} messages wait`);
      }
      this.shift();
      this.dropped += 1;
    }
    this.#items.push(item);
  }

  /** Take out the oldest item. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined as T;
    this.#first += 1;
    if (this.#first >= SLACK && this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}

/** Keeps the newest item of each kind, in the order in which they came; the kinds are few. */
export class LatestOfEach<T> extends Buffer<T> {
  readonly #kind: (item: T) => string;
  #waiting = new Map<string, T>();

  constructor(kind: (item: T) => string) {
    super({ policy: "latestOnly" });
    this.#kind = kind;
  }

  override get length(): number {
    return this.#waiting.size;
  }

  override push(item: T): void {
    const kind = this.#kind(item);
    if (this.#waiting.delete(kind)) this.dropped += 1;
    this.#waiting.set(kind, item);
  }

  override shift(): T | undefined {
    const first = this.#waiting.entries().next();
    if (first.done === true) return undefined;
    const [kind, item] = first.value;
    this.#waiting.delete(kind);
    return item;
  }
}
