/** One subscription: how it is asked for, what it has seen, and how it goes on after an interruption. */

import type { BookSnapshot, BookUpdate, Envelope, Kline } from "./messages.ts";
import { OrderBook } from "./orderbook.ts";

/** What is sent for one subscription. */
export type Item = Record<string, string | number | boolean>;

/** An item's part of the server's answer. */
export type Result = Record<string, unknown>;

/**
 * - `pending`: not live yet, for the first time
 * - `live`
 * - `stale`: there is no connection; what was seen last may be old
 * - `resuming`: asked for what was missed
 * - `closed`: nothing more will come
 */
export type SubscriptionStatus = "pending" | "live" | "stale" | "resuming" | "closed";

/** What to do with a message: hand it on, leave it out, hand it on although some before it are lost, or ask again. */
export type Verdict = "deliver" | "ignore" | "deliver-after-gap" | "ask-again";

/** What the server says it has sent of one subscription, and the market's clock. */
export interface Beat {
  lastId: string | null;
  sequence: number | null;
  clockMs: number;
  logSequence: string;
}

/** The server remembers so many messages of a stream without reading its log. */
const PAST_MAX = 1000;

/** Between two attempts to mend one subscription. */
const MENDING_INTERVAL_MS = 1000;

/** More candles are asked for than the wall's clock says: the market's may be ahead of it. */
const SPARE_CANDLES = 10;

/** A subscription to present state: the newest message replaces those before it. */
export class Subscription {
  readonly channel: string;
  readonly params: Item;
  readonly key: string;
  status: SubscriptionStatus = "pending";
  /** How often messages were missed for good. */
  gaps = 0;
  /** Whether it ends with an error when messages were missed for good. */
  endsAtGap = false;
  /** When it is to be asked for; `null` if it need not be. */
  dueMs: number | null = null;
  /** When a message of it last could not be read. */
  unreadableMs = -Infinity;
  /** When it was last asked for. */
  askedMs: number | null = null;
  /** Whether messages that come now belong to it: from the answer on until it is asked for again. */
  protected accepting = false;
  #wasLive = false;

  constructor(channel: string, params: Item) {
    this.channel = channel;
    this.params = params;
    this.key = keyOf(channel, params);
  }

  /** Return what to send at `nowMs`, in a request that may resume others too. */
  item(_nowMs: number): Item {
    return { channel: this.channel, ...this.params };
  }

  /** Take in that it is asked for. */
  ask(nowMs: number): void {
    this.accepting = false;
    this.dueMs = null;
    this.askedMs = nowMs;
    this.status = this.#wasLive ? "resuming" : "pending";
  }

  /** Take in the answer; return `false` if messages were missed for good. */
  acknowledge(_result: Result): boolean {
    this.accepting = true;
    this.begin();
    return true;
  }

  /** Take in that the connection is gone. */
  lose(): void {
    this.accepting = false;
    this.dueMs = null;
    this.status = this.#wasLive ? "stale" : "pending";
  }

  /** Ask again, but not too often. */
  mend(nowMs: number): void {
    this.accepting = false;
    this.status = "resuming";
    this.dueMs = Math.max(nowMs, (this.askedMs ?? 0) + MENDING_INTERVAL_MS);
  }

  /** Say what to do with a message of this subscription that came at `nowMs`. */
  take(message: Envelope, nowMs: number): Verdict {
    return this.accepting ? this.judge(message, nowMs) : "ignore";
  }

  /** Take in what the server says it has sent; return `false` if that did not all come. */
  hear(_beat: Beat): boolean {
    return true;
  }

  protected judge(_message: Envelope, _nowMs: number): Verdict {
    return "deliver";
  }

  protected begin(): void {
    this.#wasLive = true;
    this.status = "live";
  }
}

/** Return what tells subscriptions of one connection apart. */
export function keyOf(channel: string, params: Readonly<Record<string, unknown>>): string {
  return `${channel}|${String(params["symbol"] ?? "")}|${String(params["interval"] ?? "")}`;
}

/**
 * A subscription to a list of messages of which none may be missing: `trades`, `orders`, `user_trades`.
 *
 * It goes on after the last message seen. Where there was none yet, a heartbeat has told the place from which to go on.
 */
export class ResumableSubscription extends Subscription {
  #lastId: string | null = null;
  #place: { clockMs: number; logSequence: string } | null = null;
  #sinceMs = 0;
  #askedAfter = false;
  #mended = false;
  /** The number of the last trade of each symbol. */
  #numbers = new Map<string, number>();

  override item(_nowMs: number): Item {
    const item = { channel: this.channel, ...this.params };
    this.#askedAfter = this.#lastId !== null;
    if (this.#lastId !== null) return { ...item, after: this.#lastId };
    if (this.#place === null) return item;
    if (this.channel === "orders") {
      this.#askedAfter = true;
      return { ...item, after: `orders:${this.#place.logSequence}-0` };
    }
    this.#sinceMs = this.params["snapshot"] ? 0 : this.#place.clockMs;
    return { ...item, snapshot: PAST_MAX };
  }

  override acknowledge(result: Result): boolean {
    this.accepting = true;
    if (this.#lastId !== null || this.#place !== null) this.begin();
    const missed = this.#askedAfter && result["resumed"] === false;
    if (missed) {
      this.#lastId = null;
      this.#place = null;
      this.#numbers.clear();
    }
    this.#mended = this.#askedAfter && !missed;
    return !missed;
  }

  override hear(beat: Beat): boolean {
    if (!this.accepting) return true;
    if (beat.lastId !== null) return beat.lastId === this.#lastId;
    if (this.#lastId === null) {
      // The first one stays: what happened since then may be on its way, behind a later heartbeat.
      this.#place ??= { clockMs: beat.clockMs, logSequence: beat.logSequence };
      this.begin();
    }
    return true;
  }

  protected override judge(message: Envelope): Verdict {
    const verdict = this.#order(message.data);
    if (verdict === "ask-again" || verdict === "ignore") return verdict;
    this.#mended = false;
    this.#lastId = String(message.id);
    this.begin();
    return verdict === "deliver" && Number(message.data["timestamp"]) < this.#sinceMs ? "ignore" : verdict;
  }

  /** Trades are numbered: by 1 in a public stream, upwards in a private one. */
  #order(data: Record<string, unknown>): Verdict {
    if (this.channel === "orders") return "deliver";
    const symbol = String(data["symbol"]);
    const number = Number(String(data["trade_id"]).replace("trade_", ""));
    if (!Number.isSafeInteger(number)) throw new Error("a trade without a number");
    const last = this.#numbers.get(symbol);
    if (last !== undefined && number <= last) return "ignore";
    const hole = this.channel === "trades" && last !== undefined && number > last + 1;
    if (hole && !this.#mended) return "ask-again";
    this.#numbers.set(symbol, number);
    return hole ? "deliver-after-gap" : "deliver";
  }
}

/** A market's status, which may stay for days: a last change that never came is asked for. */
export class StatusSubscription extends Subscription {
  #lastId: string | null = null;

  override hear(beat: Beat): boolean {
    return !this.accepting || beat.lastId === null || beat.lastId === this.#lastId;
  }

  protected override judge(message: Envelope): Verdict {
    this.#lastId = String(message.id);
    return "deliver";
  }
}

/** Candles: those that closed meanwhile are asked for, and none comes twice. */
export class KlineSubscription extends Subscription {
  #last: Kline | null = null;
  #firstAfter = false;
  #seenMs = 0;

  override item(nowMs: number): Item {
    const item = { channel: this.channel, ...this.params };
    if (this.#last === null) return item;
    const lengthMs = this.#last.close_time - this.#last.open_time + 1;
    const missed = Math.ceil(Math.max(0, nowMs - this.#seenMs) / lengthMs) + SPARE_CANDLES;
    return { ...item, history: Math.min(PAST_MAX, missed) };
  }

  override acknowledge(result: Result): boolean {
    this.#firstAfter = this.#last !== null;
    return super.acknowledge(result);
  }

  protected override judge(message: Envelope, nowMs: number): Verdict {
    const candle = message.data as unknown as Kline;
    const last = this.#last;
    const old = last !== null && candle.open_time <= last.open_time - (last.is_closed ? 0 : 1);
    const next = last === null ? 0 : last.is_closed ? last.close_time + 1 : last.open_time;
    const hole = this.#firstAfter && candle.open_time > next;
    this.#firstAfter = false;
    if (old) return "ignore";
    this.#last = candle;
    this.#seenMs = nowMs;
    return hole ? "deliver-after-gap" : "deliver";
  }
}

/** An order book, which asks for a fresh snapshot by itself when an update is missing. */
export class BookSubscription extends Subscription {
  readonly book: OrderBook;
  /** How often an update was missing. */
  resyncs = 0;

  constructor(symbol: string, depth: number) {
    super("orderbook", { symbol, depth });
    this.book = new OrderBook(symbol);
  }

  override acknowledge(_result: Result): boolean {
    this.accepting = true;
    this.book.sequence = null;
    return true;
  }

  override hear(beat: Beat): boolean {
    const ours = this.accepting ? this.book.sequence : null;
    return ours === null || beat.sequence === null || beat.sequence <= ours;
  }

  override mend(nowMs: number): void {
    this.resyncs += 1;
    super.mend(nowMs);
  }

  protected override judge(message: Envelope): Verdict {
    if (message.type === "orderbook_snapshot") {
      this.book.reset(message.data as unknown as BookSnapshot);
      this.begin();
      return "deliver";
    }
    return this.book.apply(message.data as unknown as BookUpdate) ? "deliver" : "ask-again";
  }
}
