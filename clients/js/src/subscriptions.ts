/** All subscriptions of a client: which are to be asked for, in how few requests, and whose a message is. */

import type { Envelope } from "./messages.ts";
import { keyOf } from "./subscription.ts";
import type { Beat, Item, Result, Subscription } from "./subscription.ts";

/** Items of one request; the heartbeat is one of them. */
const ITEMS_MAX = 200;

/** Past messages that one request may ask for altogether. */
const PAST_MESSAGES_MAX = 10_000;

const HEARTBEAT: Item = { channel: "heartbeat" };

/** A request to subscribe that has no answer yet. */
interface Asked {
  subscriptions: Subscription[];
  sentMs: number;
}

/** Subscriptions that share a request, and its items, the last of which is the heartbeat. */
export interface Chunk {
  subscriptions: Subscription[];
  items: Item[];
}

/** What became of one subscription: it goes on, has missed something for good, is to be asked for alone, or failed. */
export interface Answered {
  subscription: Subscription;
  outcome: "live" | "gap" | "again" | "failed";
  error: Record<string, unknown> | null;
}

export class Subscriptions {
  readonly #byKey = new Map<string, Subscription>();
  readonly #asked = new Map<string, Asked>();

  [Symbol.iterator](): IterableIterator<Subscription> {
    return this.#byKey.values();
  }

  /** Whether a message could belong to `subscription` and to another one too. */
  conflicts({ channel, params, key }: Subscription): boolean {
    if (params["symbol"] !== undefined) return this.#byKey.has(key) || this.#byKey.has(keyOf(channel, {}));
    return [...this.#byKey.values()].some((other) => other.channel === channel);
  }

  add(subscription: Subscription): void {
    this.#byKey.set(subscription.key, subscription);
  }

  /** Take out a subscription; return `false` if it is not there any more. */
  remove(subscription: Subscription): boolean {
    if (this.#byKey.get(subscription.key) !== subscription) return false;
    subscription.status = "closed";
    return this.#byKey.delete(subscription.key);
  }

  /** Take in that the connection is gone. */
  lose(): void {
    this.#asked.clear();
    for (const subscription of this.#byKey.values()) subscription.lose();
  }

  /** Make all of them due: another connection is ready. */
  restore(nowMs: number): void {
    for (const subscription of this.#byKey.values()) subscription.dueMs = nowMs;
  }

  /** Return when the next one is due, or an answer is overdue. */
  deadlineMs(timeoutMs: number): number {
    let deadlineMs = Infinity;
    for (const { dueMs } of this.#byKey.values()) deadlineMs = Math.min(deadlineMs, dueMs ?? Infinity);
    for (const { sentMs } of this.#asked.values()) deadlineMs = Math.min(deadlineMs, sentMs + timeoutMs);
    return deadlineMs;
  }

  /** Make due again what has waited for its answer for too long: the server may have dropped the request. */
  expire(nowMs: number, timeoutMs: number): void {
    for (const [id, { subscriptions, sentMs }] of this.#asked) {
      if (nowMs < sentMs + timeoutMs) continue;
      this.#asked.delete(id);
      for (const subscription of subscriptions) subscription.dueMs = nowMs;
    }
  }

  /** Return all that is due, in as few requests as the server's limits allow. */
  due(nowMs: number): Chunk[] {
    const chunks: Chunk[] = [];
    let past = 0;
    for (const subscription of this.#byKey.values()) {
      if (subscription.dueMs === null || subscription.dueMs > nowMs) continue;
      const item = subscription.item(nowMs);
      const more = Number(item["snapshot"] ?? 0) + Number(item["history"] ?? 0);
      let chunk = chunks.at(-1);
      if (chunk === undefined || chunk.items.length >= ITEMS_MAX - 1 || past + more > PAST_MESSAGES_MAX) {
        chunk = { subscriptions: [], items: [] };
        chunks.push(chunk);
        past = 0;
      }
      past += more;
      chunk.subscriptions.push(subscription);
      chunk.items.push(item);
    }
    for (const chunk of chunks) chunk.items.push(HEARTBEAT);
    return chunks;
  }

  /** Take in that `chunk` is asked for with the request `id`. */
  ask(id: string, chunk: Chunk, nowMs: number): void {
    this.#asked.set(id, { subscriptions: chunk.subscriptions, sentMs: nowMs });
    for (const subscription of chunk.subscriptions) subscription.ask(nowMs);
  }

  /** Take in the answer to the request `id`; `null` if it is none of ours. */
  answer(id: string, message: Envelope): Answered[] | null {
    const asked = this.#asked.get(id);
    if (asked === undefined) return null;
    this.#asked.delete(id);
    const results = (message.data["results"] ?? []) as Result[];
    const whole = message.type === "error" ? message.data : null;
    const alone = asked.subscriptions.length === 1;
    return asked.subscriptions
      .map((subscription, index) => answered(subscription, whole ?? failure(results[index]), results[index], alone))
      .filter(({ subscription }) => this.#byKey.get(subscription.key) === subscription);
  }

  /** Return the subscription that a message of a channel belongs to. */
  find(message: Envelope): Subscription | undefined {
    const channel = String(message.channel);
    return this.#byKey.get(keyOf(channel, message.data)) ?? this.#byKey.get(keyOf(channel, {}));
  }

  /** Return those that have missed something, as a heartbeat tells. */
  behind(message: Envelope): Subscription[] {
    const rows = (message.data["subscriptions"] ?? []) as Record<string, unknown>[];
    return rows.flatMap((row) => {
      const subscription = this.#byKey.get(keyOf(String(row["channel"]), row));
      return subscription === undefined || subscription.hear(beat(row, message)) ? [] : [subscription];
    });
  }
}

function failure(result: Result | undefined): Record<string, unknown> | null {
  return (result?.["error"] ?? null) as Record<string, unknown> | null;
}

function answered(
  subscription: Subscription,
  error: Record<string, unknown> | null,
  result: Result | undefined,
  alone: boolean,
): Answered {
  if (error !== null) {
    const again = error["code"] === "INTERNAL_ERROR" || (error["code"] === "INVALID_PARAMS" && !alone);
    return { subscription, outcome: again ? "again" : "failed", error };
  }
  return { subscription, outcome: subscription.acknowledge(result ?? {}) ? "live" : "gap", error: null };
}

function beat(row: Record<string, unknown>, message: Envelope): Beat {
  return {
    lastId: (row["last_id"] ?? null) as string | null,
    sequence: (row["sequence"] ?? null) as number | null,
    clockMs: Number(message.data["timestamp"]),
    logSequence: String(message.id).replace("heartbeat:", ""),
  };
}
