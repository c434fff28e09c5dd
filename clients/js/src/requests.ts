/** Requests with one answer each, which outlive the connection: what has no answer yet is asked again. */

import type { Envelope } from "./messages.ts";
import { FinalexError, OutcomeUnknownError, UsageError, serverError } from "./errors.ts";

export interface Request {
  readonly id: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly madeMs: number;
  /** How often it was sent. */
  sent: number;
  /** When it is to be sent (again). */
  dueMs: number;
}

/** The end of a request. */
export interface Settled {
  request: Request;
  data: Record<string, unknown> | null;
  error: FinalexError | null;
}

/** Requests that may wait at the same time. */
export const REQUESTS_MAX = 1000;

/** So often a request is sent whose outcome the server does not know itself. */
const SENT_MAX = 20;

const RETRY_MS = 1000;

/** Reasons that are checked before it is known whether an order that is sent again was placed the first time. */
const PASSING: ReadonlySet<string> = new Set(["exchange_unavailable", "order_rate"]);

export class Requests {
  readonly #open = new Map<string, Request>();
  #number = 0;

  /** Take in a request; throws `UsageError` if too many wait. */
  add(method: string, params: Record<string, unknown>, nowMs: number): Request {
    if (this.#open.size >= REQUESTS_MAX) throw new UsageError(`${REQUESTS_MAX} requests wait for their answer`);
    this.#number += 1;
    const request = { id: `request-${this.#number}`, method, params, madeMs: nowMs, sent: 0, dueMs: nowMs };
    this.#open.set(request.id, request);
    return request;
  }

  /** Make all of them due: another connection is ready. */
  restore(nowMs: number): void {
    for (const request of this.#open.values()) request.dueMs = nowMs;
  }

  deadlineMs(): number {
    let deadlineMs = Infinity;
    for (const { dueMs } of this.#open.values()) deadlineMs = Math.min(deadlineMs, dueMs);
    return deadlineMs;
  }

  /** Return what is to be sent, the first `room`, as they were asked; each is due again without an answer. */
  due(nowMs: number, timeoutMs: number, room: number): Request[] {
    const due = [...this.#open.values()].filter((request) => request.dueMs <= nowMs).slice(0, room);
    for (const request of due) {
      request.sent += 1;
      request.dueMs = nowMs + timeoutMs;
    }
    return due;
  }

  /** Return the orders that could not be sent in time, and give them up: late they would meet another market. */
  expire(nowMs: number, unsentMs: number): Settled[] {
    const late = [...this.#open.values()].filter(({ sent, madeMs, method }) => {
      return method === "place_order" && sent === 0 && nowMs >= madeMs + unsentMs;
    });
    const error = `the order was not sent: there was no connection, or too much to send, for ${unsentMs} ms`;
    return late.map((request) => this.#settle(request, null, new UsageError(error)));
  }

  /** Return when the next order is given up. */
  expiryMs(unsentMs: number): number {
    let expiryMs = Infinity;
    for (const { sent, madeMs, method } of this.#open.values()) {
      if (method === "place_order" && sent === 0) expiryMs = Math.min(expiryMs, madeMs + unsentMs);
    }
    return expiryMs;
  }

  /** Take in the answer `message`; `null` if it is none of ours, or does not settle the request. */
  answer(message: Envelope, nowMs: number): Settled | null {
    const request = this.#open.get(String(message.id));
    if (request === undefined) return null;
    if (message.type !== "error") return this.#settle(request, message.data, null);
    if (!isUnsettled(request, message.data)) {
      return this.#settle(request, null, serverError(message.data, request.sent > 1, request.method));
    }
    if (request.sent >= SENT_MAX) {
      return this.#settle(request, null, new OutcomeUnknownError(`the server does not know: ${message.data["code"]}`));
    }
    request.dueMs = nowMs + RETRY_MS;
    return null;
  }

  /** Give up everything: the client ends. */
  end(reason: string): Settled[] {
    return [...this.#open.values()].map((request) => {
      const error =
        request.sent > 0
          ? new OutcomeUnknownError(`${reason}; whether the request was carried out is not known`)
          : new UsageError(`${reason}; the request was not sent`);
      return this.#settle(request, null, error);
    });
  }

  #settle(request: Request, data: Record<string, unknown> | null, error: FinalexError | null): Settled {
    this.#open.delete(request.id);
    return { request, data, error };
  }
}

/** Whether an error leaves open what became of a request that may be sent again. */
function isUnsettled(request: Request, data: Record<string, unknown>): boolean {
  if (data["code"] === "INTERNAL_ERROR") return true;
  return request.sent > 1 && PASSING.has(String(data["reason"]));
}
