/** What a caller reads: an async iterator over one subscription, and a local order book. */

import { Buffer } from "./buffer.ts";
import { UsageError } from "./errors.ts";
import type { FinalexError } from "./errors.ts";
import type { Level } from "./messages.ts";
import type { BookSubscription, Subscription, SubscriptionStatus } from "./subscription.ts";

interface Waiter<T> {
  resolve: (result: IteratorResult<T, undefined>) => void;
  reject: (error: unknown) => void;
}

/** The common face of everything that is subscribed to; it ends by `close`, by leaving a `for await`, or an error. */
export class Stream<T> implements AsyncIterableIterator<T, undefined> {
  /** Called whenever `status` or `gaps` may have changed. */
  onStatus: ((status: SubscriptionStatus) => void) | null = null;
  readonly #subscription: Subscription;
  readonly #close: () => void;
  readonly #buffer: Buffer<T>;
  #waiters: Waiter<T>[] = [];
  #hopeful: Waiter<T>[] = [];
  #wasLive = false;
  #ended = false;
  #error: FinalexError | null = null;

  constructor(subscription: Subscription, close: () => void, buffer: Buffer<T> = new Buffer()) {
    this.#subscription = subscription;
    this.#close = close;
    this.#buffer = buffer;
  }

  get status(): SubscriptionStatus {
    return this.#subscription.status;
  }

  /** How often messages were missed that the server could no longer tell. */
  get gaps(): number {
    return this.#subscription.gaps;
  }

  /** How many messages the buffer's policy has left out. */
  get dropped(): number {
    return this.#buffer.dropped;
  }

  /** How many messages wait for the reader. */
  get waiting(): number {
    return this.#buffer.length;
  }

  /** Wait until it is live for the first time: from then on nothing is missed. Rejects if it ends before that. */
  async ready(): Promise<void> {
    if (this.#wasLive) return;
    if (this.#ended) throw this.#error ?? new UsageError("the stream was closed");
    await new Promise((resolve, reject) => this.#hopeful.push({ resolve, reject }));
  }

  /** Unsubscribe; what waits can still be read. */
  close(): void {
    if (!this.#ended) this.#close();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#buffer.length > 0) return Promise.resolve({ value: this.#buffer.shift() as T, done: false });
    if (!this.#ended) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    while (this.#buffer.shift() !== undefined);
    this.#error = null;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Hand on an item; one too many, where nothing may be dropped, ends the stream with an error. */
  push(item: T): void {
    if (this.#ended) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ value: item, done: false });
      return;
    }
    try {
      this.#buffer.push(item);
    } catch (error) {
      this.end(error as FinalexError);
      this.#close();
    }
  }

  /** Tell that the status may have changed. */
  changed(): void {
    if (this.status === "live") {
      this.#wasLive = true;
      for (const { resolve } of this.#hopeful.splice(0)) resolve({ value: undefined, done: true });
    }
    this.onStatus?.(this.status);
  }

  /** Nothing more will come; the error, if there is one, follows what waits. */
  end(error: FinalexError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const { reject } of this.#hopeful.splice(0)) reject(error ?? new UsageError("the stream was closed"));
    const [first, ...others] = this.#waiters;
    this.#waiters = [];
    if (first !== undefined && error !== null) {
      this.#error = null;
      first.reject(error);
    } else first?.resolve({ value: undefined, done: true });
    for (const waiter of others) waiter.resolve({ value: undefined, done: true });
  }
}

/** An order book as it was at one sequence. */
export interface BookView {
  symbol: string;
  sequence: number;
  timestamp: number;
  stale: boolean;
  bids: readonly Level[];
  asks: readonly Level[];
}

/**
 * The best levels of a market, kept by every update. A missing update never shows: the book asks for a fresh snapshot
 * on the same connection. Iterating gives the present book after each change, the newest one to a slow reader.
 */
export class LocalBook implements AsyncIterable<BookView> {
  readonly #subscription: BookSubscription;
  readonly #changes: Stream<null>;
  /** Called after every change of the book, even one that a slow reader does not see. */
  onChange: ((book: LocalBook) => void) | null = null;

  constructor(subscription: BookSubscription, close: () => void) {
    this.#subscription = subscription;
    this.#changes = new Stream(subscription, close, new Buffer<null>({ policy: "latestOnly" }));
  }

  /** Wait for the first snapshot; rejects if there is none to be had. */
  ready(): Promise<void> {
    return this.#changes.ready();
  }

  /** Highest price first; not to be changed. */
  get bids(): readonly Level[] {
    return this.#subscription.book.bids;
  }

  /** Lowest price first; not to be changed. */
  get asks(): readonly Level[] {
    return this.#subscription.book.asks;
  }

  /** The number of the last update; `null` before the first snapshot, and while a fresh one is asked for. */
  get sequence(): number | null {
    return this.#subscription.book.sequence;
  }

  /** Whether the market has lost its source; whether there is a connection says `status`. */
  get stale(): boolean {
    return this.#subscription.book.stale;
  }

  get status(): SubscriptionStatus {
    return this.#changes.status;
  }

  /** How often an update was missing. */
  get resyncs(): number {
    return this.#subscription.resyncs;
  }

  /** Called whenever `status` may have changed. */
  set onStatus(called: ((status: SubscriptionStatus) => void) | null) {
    this.#changes.onStatus = called;
  }

  get onStatus(): ((status: SubscriptionStatus) => void) | null {
    return this.#changes.onStatus;
  }

  /** Return the book as it is now, which later changes leave alone. */
  view(): BookView {
    const { symbol, sequence, timestamp, stale, bids, asks } = this.#subscription.book;
    return { symbol, sequence: sequence ?? -1, timestamp, stale, bids: [...bids], asks: [...asks] };
  }

  close(): void {
    this.#changes.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BookView, void> {
    try {
      for await (const _ of this.#changes) if (this.sequence !== null) yield this.view();
    } finally {
      this.close();
    }
  }

  /** Tell that the book has changed. */
  push(_change: unknown): void {
    this.#changes.push(null);
    this.onChange?.(this);
  }

  /** Tell that the status may have changed. */
  changed(): void {
    this.#changes.changed();
  }

  /** Nothing more will come. */
  end(error: FinalexError | null): void {
    this.#changes.end(error);
  }
}
