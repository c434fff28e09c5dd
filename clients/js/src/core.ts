/**
 * The conversation with the server, without timers and sockets: what happens goes in with its time, what is to be
 * done comes out as effects. Times are milliseconds of any clock that does not go back.
 */

import { CORE } from "./effects.ts";
import type { ConnectionStatus, CoreOptions, Credentials, Effect } from "./effects.ts";
import { GapError, UnreadableMessageError, UsageError, serverError } from "./errors.ts";
import type { FinalexError } from "./errors.ts";
import { Link } from "./link.ts";
import { decode } from "./messages.ts";
import type { Envelope } from "./messages.ts";
import { Requests } from "./requests.ts";
import type { Request, Settled } from "./requests.ts";
import type { Subscription, Verdict } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Answered } from "./subscriptions.ts";

/** A second unreadable message of a stream within so long ends it. */
const UNREADABLE_PAUSE_MS = 60_000;

/** So many connections in a row, each soon after the other, that bring what belongs nowhere end the client. */
const UNREADABLE_MAX = 3;

export class Core {
  readonly #options: CoreOptions;
  readonly #effects: Effect[] = [];
  readonly #link: Link;
  readonly #requests = new Requests();
  readonly #subscriptions = new Subscriptions();
  #cancelsOnDisconnect = false;
  #unreadable = 0;
  #unreadableMs = -Infinity;

  constructor(options: Partial<CoreOptions> = {}) {
    this.#options = { ...CORE, ...options };
    this.#link = new Link(this.#options, this.#effects, {
      ready: (nowMs) => this.#restore(nowMs),
      lost: () => this.#lose(),
      ended: (error, text) => this.#end(error, text),
    });
  }

  get status(): ConnectionStatus {
    return this.#link.status;
  }

  /** Attempts to connect since the last connection that served. */
  get attempts(): number {
    return this.#link.attempts;
  }

  /** The time from a ping to its answer, once it was measured. */
  get latencyMs(): number | null {
    return this.#link.latencyMs;
  }

  /** Whether the server says that this client reads too slowly. */
  get lagging(): boolean {
    return this.#link.lagging;
  }

  /** When the next attempt to connect begins, while there is none. */
  get retryMs(): number | null {
    return this.#link.retryMs;
  }

  /** When `advance` has something to do; infinity for never. */
  get deadlineMs(): number {
    if (this.#link.isEnded) return Infinity;
    const always = Math.min(this.#link.deadlineMs, this.#requests.expiryMs(this.#options.unsentOrderMs));
    if (!this.#link.isReady) return always;
    const requestsMs = Math.max(this.#requests.deadlineMs(), this.#link.freeMs);
    return Math.min(always, requestsMs, this.#subscriptions.deadlineMs(this.#options.subscribeTimeoutMs));
  }

  // --- the connection ----------------------------------------------------------------------------------

  start(nowMs: number): Effect[] {
    this.#link.start(nowMs);
    return this.#drain();
  }

  /** Use these credentials, for a new connection or the one that is open. */
  credentials(credentials: Credentials, nowMs: number): Effect[] {
    this.#link.credentials(credentials, nowMs);
    return this.#drain();
  }

  /** There are no credentials to be had now. */
  credentialsFailed(reason: string, nowMs: number): Effect[] {
    this.#link.credentialsFailed(reason, nowMs);
    return this.#drain();
  }

  opened(nowMs: number): Effect[] {
    this.#link.opened(nowMs);
    return this.#drain();
  }

  closed(closeCode: number, reason: string, nowMs: number): Effect[] {
    this.#link.closed(closeCode, reason, nowMs);
    return this.#drain();
  }

  received(text: string, nowMs: number): Effect[] {
    if (!this.#link.isOpen) return this.#drain();
    this.#link.heard(nowMs);
    const message = decode(text);
    if (message === null) this.#takeGarbage(text, nowMs);
    else if (message.channel === "heartbeat") this.#takeHeartbeat(message, nowMs);
    else if (message.channel !== undefined) this.#takePublication(message, nowMs);
    else {
      if (message.type === "connection_status") this.#link.takeStatus(message, nowMs);
      else if (!this.#link.takeAnswer(message, nowMs)) this.#takeAnswer(message, nowMs);
      this.#flush(nowMs);
    }
    return this.#drain();
  }

  /** Do what is due at `nowMs`. */
  advance(nowMs: number): Effect[] {
    for (const settled of this.#requests.expire(nowMs, this.#options.unsentOrderMs)) this.#settle(settled);
    this.#link.advance(nowMs);
    if (this.#link.isReady) this.#subscriptions.expire(nowMs, this.#options.subscribeTimeoutMs);
    this.#flush(nowMs);
    return this.#drain();
  }

  /** End it for good; what was not answered by now has no known outcome. */
  stop(): Effect[] {
    this.#link.end(null, "the client was closed");
    return this.#drain();
  }

  // --- what the caller wants ---------------------------------------------------------------------------

  /** Add a subscription; throws `UsageError` if there is one of the same thing, or the client is closed. */
  subscribe(subscription: Subscription, nowMs: number): Effect[] {
    if (this.#link.isEnded) throw new UsageError("the client is closed");
    if (this.#subscriptions.conflicts(subscription)) {
      throw new UsageError(`there is a stream of ${nameOf(subscription)} already: close it first`);
    }
    this.#subscriptions.add(subscription);
    if (this.#link.isReady) subscription.dueMs = nowMs;
    this.#flush(nowMs);
    return this.#drain();
  }

  unsubscribe(subscription: Subscription, nowMs: number): Effect[] {
    this.#remove(subscription, null, nowMs);
    return this.#drain();
  }

  /** Make a request that outlives the connection; an effect tells how it ends. */
  request(method: string, params: Record<string, unknown>, nowMs: number): { request: Request; effects: Effect[] } {
    if (this.#link.isEnded) throw new UsageError("the client is closed");
    const request = this.#requests.add(method, params, nowMs);
    if (method === "cancel_on_disconnect") this.#cancelsOnDisconnect = params["enabled"] === true;
    this.#flush(nowMs);
    return { request, effects: this.#drain() };
  }

  // --- how the connection is ---------------------------------------------------------------------------

  #restore(nowMs: number): void {
    if (this.#cancelsOnDisconnect) this.#link.send("cancel_on_disconnect", { enabled: true }, nowMs);
    this.#subscriptions.restore(nowMs);
    this.#requests.restore(nowMs);
  }

  #lose(): void {
    this.#subscriptions.lose();
    for (const subscription of this.#subscriptions) this.#changed(subscription);
  }

  #end(error: FinalexError | null, text: string): void {
    for (const settled of this.#requests.end(text)) this.#settle(settled);
    for (const subscription of [...this.#subscriptions]) {
      this.#subscriptions.remove(subscription);
      this.#effects.push({ kind: "ended", subscription, error });
    }
  }

  // --- what comes --------------------------------------------------------------------------------------

  #takeAnswer(message: Envelope, nowMs: number): void {
    const answered = this.#subscriptions.answer(String(message.id), message);
    for (const each of answered ?? []) this.#takeSubscribed(each, nowMs);
    const settled = answered === null ? this.#requests.answer(message, nowMs) : null;
    if (settled !== null) this.#settle(settled);
    if (answered !== null || settled !== null) this.#link.served();
    else if (message.type === "error") this.#link.takeError(message);
  }

  #takeSubscribed({ subscription, outcome, error }: Answered, nowMs: number): void {
    if (outcome === "failed") this.#remove(subscription, serverError(error ?? {}), nowMs);
    else if (outcome === "again") subscription.mend(nowMs);
    else if (outcome === "gap") this.#gap(subscription, nowMs);
    this.#changed(subscription);
  }

  #takeHeartbeat(message: Envelope, nowMs: number): void {
    const before = new Map([...this.#subscriptions].map((each) => [each, each.status]));
    for (const subscription of this.#subscriptions.behind(message)) subscription.mend(nowMs);
    for (const [each, status] of before) if (each.status !== status) this.#changed(each);
  }

  #takePublication(message: Envelope, nowMs: number): void {
    const subscription = this.#subscriptions.find(message);
    if (subscription === undefined) return;
    const { status } = subscription;
    const verdict = this.#judge(subscription, message, nowMs);
    if (verdict === "ask-again") subscription.mend(nowMs);
    else if (verdict === "deliver-after-gap") this.#gap(subscription, nowMs);
    if (subscription.status !== status) this.#changed(subscription);
    if (verdict.startsWith("deliver") && subscription.status !== "closed") {
      this.#effects.push({ kind: "deliver", subscription, message });
    }
  }

  /** What cannot be read is asked for again, once; the second time its stream ends. */
  #judge(subscription: Subscription, message: Envelope, nowMs: number): Verdict {
    try {
      return subscription.take(message, nowMs);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const text = `${nameOf(subscription)}: a message cannot be read: ${problem}`;
      const isSecond = nowMs - subscription.unreadableMs < UNREADABLE_PAUSE_MS;
      subscription.unreadableMs = nowMs;
      this.#link.notice(text);
      if (!isSecond) return "ask-again";
      this.#remove(subscription, new UnreadableMessageError(text), nowMs);
      return "ignore";
    }
  }

  /** What belongs nowhere only another connection can heal; if that does not either, the client ends. */
  #takeGarbage(text: string, nowMs: number): void {
    const isSoon = nowMs - this.#unreadableMs < UNREADABLE_PAUSE_MS;
    this.#unreadable = isSoon ? this.#unreadable + 1 : 1;
    this.#unreadableMs = nowMs;
    const said = `a message cannot be read: ${text.slice(0, 80)}`;
    if (this.#unreadable < UNREADABLE_MAX) this.#link.breakOff(said, nowMs);
    else this.#link.end(new UnreadableMessageError(said), said);
  }

  /** Say that messages are lost for good; a subscription that must not have a gap ends with it. */
  #gap(subscription: Subscription, nowMs: number): void {
    subscription.gaps += 1;
    const text = `${nameOf(subscription)}: messages were missed for good`;
    this.#link.notice(text);
    if (subscription.endsAtGap) this.#remove(subscription, new GapError(text), nowMs);
  }

  // --- what goes ---------------------------------------------------------------------------------------

  /** Send all that is due, if the connection is ready. */
  #flush(nowMs: number): void {
    if (!this.#link.isReady) return;
    this.#link.flush(nowMs);
    for (const chunk of this.#subscriptions.due(nowMs)) {
      const id = this.#link.send("subscribe", { subscriptions: chunk.items }, nowMs);
      this.#subscriptions.ask(id, chunk, nowMs);
      for (const subscription of chunk.subscriptions) this.#changed(subscription);
    }
    const due = this.#requests.due(nowMs, this.#options.answerTimeoutMs, this.#link.room(nowMs));
    for (const { id, method, params } of due) this.#link.send(method, params, nowMs, id);
  }

  #remove(subscription: Subscription, error: FinalexError | null, nowMs: number): void {
    if (!this.#subscriptions.remove(subscription)) return;
    const { channel, params } = subscription;
    if (this.#link.isReady && subscription.askedMs !== null) {
      this.#link.send("unsubscribe", { channel, ...params }, nowMs);
    }
    this.#effects.push({ kind: "ended", subscription, error });
  }

  #settle(settled: Settled): void {
    this.#effects.push({ kind: "settled", settled });
  }

  #changed(subscription: Subscription): void {
    this.#effects.push({ kind: "subscription", subscription });
  }

  #drain(): Effect[] {
    return this.#effects.splice(0);
  }
}

function nameOf(subscription: Subscription): string {
  return subscription.key.replaceAll("|", " ").trim();
}
