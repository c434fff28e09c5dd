/** The connection itself: its phases, the credentials, when to come back, and what is sent and how fast. */

import { Backoff } from "./backoff.ts";
import type { ConnectionStatus, CoreOptions, Credentials, Effect } from "./effects.ts";
import { ConnectionEndedError, mayReconnect, serverError } from "./errors.ts";
import type { FinalexError } from "./errors.ts";
import type { Envelope } from "./messages.ts";
import { Outbox } from "./outbox.ts";

/** So often in a row renewed credentials may be refused. */
const REFUSALS_MAX = 3;

const RENEWAL_RETRY_MS = 5000;

type Phase = "idle" | "waiting" | "authorizing" | "connecting" | "greeting" | "authenticating" | "ready" | "ended";

/** Who must know how the connection is. */
export interface Owner {
  /** Requests can be sent from now on. */
  ready(nowMs: number): void;
  /** The connection is gone. */
  lost(): void;
  /** There will be no other one; `text` says why. */
  ended(error: FinalexError | null, text: string): void;
}

export class Link {
  /** The time from a ping to its answer, once it was measured. */
  latencyMs: number | null = null;
  /** Whether the server says that this client reads too slowly. */
  lagging = false;
  /** When the next attempt to connect begins, while there is none. */
  retryMs: number | null = null;
  readonly #options: CoreOptions;
  readonly #effects: Effect[];
  readonly #owner: Owner;
  readonly #backoff: Backoff;
  readonly #outbox: Outbox;
  #phase: Phase = "idle";
  #phaseMs = 0;
  #credentials: Credentials | null = null;
  #authId = "";
  #refusals = 0;
  #renewMs: number | null = null;
  #receivedMs = 0;
  #pingMs = 0;
  #pingSentMs: number | null = null;
  #reconnectAfterMs: number | null = null;
  #lastError: Envelope | null = null;

  /** What is to be done is added to `effects`. */
  constructor(options: CoreOptions, effects: Effect[], owner: Owner) {
    this.#options = options;
    this.#effects = effects;
    this.#owner = owner;
    this.#backoff = new Backoff(options.backoff, options.random);
    this.#outbox = new Outbox(options.messagesPerMinute, effects);
  }

  get status(): ConnectionStatus {
    if (this.#phase === "ready") return "connected";
    if (this.#phase === "ended") return "closed";
    return this.#phase === "waiting" ? "waiting" : "connecting";
  }

  /** Attempts to connect since the last connection that served. */
  get attempts(): number {
    return this.#backoff.attempts;
  }

  get isReady(): boolean {
    return this.#phase === "ready";
  }

  get isEnded(): boolean {
    return this.#phase === "ended";
  }

  /** Whether what comes still belongs to a connection in use. */
  get isOpen(): boolean {
    return this.#phase === "greeting" || this.#phase === "authenticating" || this.#phase === "ready";
  }

  /** When `advance` has something to do; infinity for never. */
  get deadlineMs(): number {
    const { answerTimeoutMs, pingIntervalMs } = this.#options;
    if (this.#phase === "idle" || this.#phase === "ended") return Infinity;
    if (this.#phase === "waiting") return this.retryMs ?? Infinity;
    if (this.#phase !== "ready") return this.#phaseMs + answerTimeoutMs;
    const deadMs = this.#receivedMs + pingIntervalMs + answerTimeoutMs;
    const pacedMs = this.#outbox.waiting > 0 ? this.freeMs : Infinity;
    return Math.min(deadMs, this.#pingMs, this.#renewMs ?? Infinity, pacedMs);
  }

  /** When the next message may be sent. */
  get freeMs(): number {
    return this.#outbox.freeMs(this.#receivedMs);
  }

  // --- what happens ------------------------------------------------------------------------------------

  start(nowMs: number): void {
    if (this.#phase === "idle") this.#attempt(nowMs);
  }

  credentials(credentials: Credentials, nowMs: number): void {
    this.#credentials = credentials;
    if (this.#phase === "authorizing") this.#enter("connecting", nowMs, { kind: "connect" });
    else if (this.#phase === "ready") this.#authenticate(nowMs);
  }

  credentialsFailed(reason: string, nowMs: number): void {
    this.notice(`no credentials: ${reason}`);
    if (this.#phase === "authorizing") this.#wait(nowMs);
    else if (this.#phase === "ready") this.#renewMs = nowMs + RENEWAL_RETRY_MS;
  }

  opened(nowMs: number): void {
    if (this.#phase === "connecting") this.#enter("greeting", nowMs);
  }

  closed(closeCode: number, reason: string, nowMs: number): void {
    if (this.#phase === "ended" || this.#phase === "waiting" || this.#phase === "idle") return;
    this.#owner.lost();
    if (mayReconnect(closeCode, this.#options.credentials === "renewable")) {
      this.#wait(nowMs);
      return;
    }
    const said = this.#lastError === null ? reason : serverError(this.#lastError.data).message;
    const text = `the connection was closed with ${closeCode}${said === "" ? "" : ` (${said})`}`;
    this.end(new ConnectionEndedError(text, closeCode), text);
  }

  /** Take in that something has come. */
  heard(nowMs: number): void {
    this.#receivedMs = nowMs;
  }

  advance(nowMs: number): void {
    const { answerTimeoutMs, pingIntervalMs } = this.#options;
    if (this.#phase === "idle" || this.#phase === "ended") return;
    if (this.#phase === "waiting") {
      if (nowMs >= (this.retryMs ?? 0)) this.#attempt(nowMs);
    } else if (this.#phase !== "ready") {
      if (nowMs >= this.#phaseMs + answerTimeoutMs) this.breakOff(`no answer while ${this.#phase}`, nowMs);
    } else if (nowMs >= this.#receivedMs + pingIntervalMs + answerTimeoutMs) {
      this.breakOff("nothing comes", nowMs);
    } else if (this.#renewMs !== null && nowMs >= this.#renewMs) this.#renew();
  }

  /** Leave a connection that is of no use. */
  breakOff(why: string, nowMs: number): void {
    this.notice(`the connection is given up: ${why}`);
    this.#effects.push({ kind: "disconnect" });
    this.closed(1006, why, nowMs);
  }

  end(error: FinalexError | null, text: string): void {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#effects.push({ kind: "disconnect" });
    this.#owner.ended(error, text);
    this.#effects.push({ kind: "connection" }, { kind: "closed", error });
  }

  // --- what comes --------------------------------------------------------------------------------------

  takeStatus(message: Envelope, nowMs: number): void {
    const { status, reconnect_after_ms: afterMs } = message.data;
    if (status === "closing" && typeof afterMs === "number") this.#reconnectAfterMs = afterMs;
    else if (status === "token_expiring") this.#renew();
    else if (status === "lagging") {
      this.lagging = true;
      this.#effects.push({ kind: "connection" });
      this.notice("the server says that this client reads too slowly");
    } else if (status === "connected" && this.#phase === "greeting") this.#greeted(nowMs);
  }

  /** Take an answer to a request of the connection's own; return whether it was one. */
  takeAnswer(message: Envelope, nowMs: number): boolean {
    if (message.type === "pong") this.#takePong(nowMs);
    else if (message.id === this.#authId) this.#takeAuthentication(message, nowMs);
    else return false;
    return true;
  }

  /** Take an error that answers nothing: the server says why it will close, or that it drops messages. */
  takeError(message: Envelope): void {
    this.#lastError = message;
    this.notice(serverError(message.data).message);
  }

  /** Take in that the connection has served its purpose: the next one need not wait for long. */
  served(): void {
    this.#backoff.reset();
  }

  #greeted(nowMs: number): void {
    if (this.#options.credentials === "none") {
      this.#ready(nowMs);
      return;
    }
    this.#enter("authenticating", nowMs);
    this.#authenticate(nowMs);
  }

  #takePong(nowMs: number): void {
    this.latencyMs = this.#pingSentMs === null ? this.latencyMs : nowMs - this.#pingSentMs;
    this.#pingSentMs = null;
    this.served();
    this.#effects.push({ kind: "connection" });
  }

  #takeAuthentication(message: Envelope, nowMs: number): void {
    this.#authId = "";
    if (message.type === "error") this.#takeRefusal(message, nowMs);
    else if (this.#phase === "authenticating") this.#ready(nowMs);
  }

  #takeRefusal(message: Envelope, nowMs: number): void {
    const error = serverError(message.data);
    const renewable = this.#options.credentials === "renewable";
    if (this.#phase === "ready") {
      this.notice(`the new credentials were refused: ${error.message}`);
      this.#renewMs = renewable ? nowMs + RENEWAL_RETRY_MS : null;
    } else if (error.code === "INTERNAL_ERROR") this.breakOff(error.message, nowMs);
    else {
      this.#refusals += 1;
      if (renewable && this.#refusals < REFUSALS_MAX) this.breakOff(error.message, nowMs);
      else this.end(error, error.message);
    }
  }

  // --- phases ------------------------------------------------------------------------------------------

  #enter(phase: Phase, nowMs: number, effect?: Effect): void {
    this.#phase = phase;
    this.#phaseMs = nowMs;
    if (effect !== undefined) this.#effects.push(effect);
    this.#effects.push({ kind: "connection" });
  }

  #attempt(nowMs: number): void {
    this.retryMs = null;
    this.#lastError = null;
    if (this.#options.credentials === "none") this.#enter("connecting", nowMs, { kind: "connect" });
    else this.#enter("authorizing", nowMs, { kind: "authorize" });
  }

  #ready(nowMs: number): void {
    this.#enter("ready", nowMs);
    this.#refusals = 0;
    this.#pingMs = nowMs;
    this.#pingSentMs = null;
    this.#owner.ready(nowMs);
  }

  #wait(nowMs: number): void {
    const afterMs = this.#reconnectAfterMs ?? this.#backoff.nextMs();
    this.#reconnectAfterMs = null;
    this.#outbox.reset();
    this.#renewMs = null;
    this.#authId = "";
    this.lagging = false;
    this.retryMs = nowMs + afterMs;
    this.#enter("waiting", nowMs);
  }

  #renew(): void {
    this.#renewMs = null;
    if (this.#options.credentials === "renewable") this.#effects.push({ kind: "authorize" });
  }

  // --- what goes ---------------------------------------------------------------------------------------

  /** Send what has waited, and a ping if one is due. */
  flush(nowMs: number): void {
    this.#outbox.flush(nowMs);
    if (nowMs < this.#pingMs) return;
    this.#pingMs = nowMs + this.#options.pingIntervalMs;
    this.#pingSentMs = nowMs;
    this.send("ping", {}, nowMs);
  }

  /** Return how many messages may be sent at once. */
  room(nowMs: number): number {
    return this.#outbox.room(nowMs);
  }

  /** Send a request, as soon as the server's limit allows, and return its id. */
  send(method: string, params: object, nowMs: number, ownId?: string): string {
    return this.#outbox.send(method, params, nowMs, ownId);
  }

  notice(text: string): void {
    this.#effects.push({ kind: "notice", text });
  }

  #authenticate(nowMs: number): void {
    this.#authId = this.send("auth", { ...this.#credentials }, nowMs);
  }
}
