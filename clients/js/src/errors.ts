/** Everything that this client throws, and which close codes say not to come back. */

/** The common shape of all errors of this client. */
export class FinalexError extends Error {
  override name = "FinalexError";
}

/** An `error` answer of the server; `code`, `details` and `reason` are the protocol's. */
export class ServerError extends FinalexError {
  override name = "ServerError";
  readonly code: string;
  readonly details: string;
  readonly reason: string | undefined;
  /** Whether the request had been sent before, over a connection that broke: then `NOT_FOUND` may mean "done". */
  readonly resent: boolean;

  constructor(data: Record<string, unknown>, resent = false) {
    const code = String(data["code"]);
    const details = String(data["details"] ?? "");
    super(`${code}: ${details}`);
    this.code = code;
    this.details = details;
    this.reason = typeof data["reason"] === "string" ? data["reason"] : undefined;
    this.resent = resent;
  }
}

/**
 * The order was not placed: `reason` says which rule it breaks, or why there are none taken now. After `order_rate` and
 * `exchange_unavailable` the same order may be sent again a little later.
 */
export class OrderRejectedError extends ServerError {
  override name = "OrderRejectedError";
}

/** Nothing was canceled, open orders stay as they are: `reason` is `market_halted` or `exchange_unavailable`. */
export class CancelRejectedError extends ServerError {
  override name = "CancelRejectedError";
}

/** A message cannot be read, nor what came when it was asked for again: is the server one of another version? */
export class UnreadableMessageError extends FinalexError {
  override name = "UnreadableMessageError";
}

/** The connection has ended for good: the server said not to come back, or the client was closed. */
export class ConnectionEndedError extends FinalexError {
  override name = "ConnectionEndedError";
  readonly closeCode: number;

  constructor(message: string, closeCode: number) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** The client was closed before a request was answered: whether it was carried out is not known. */
export class OutcomeUnknownError extends FinalexError {
  override name = "OutcomeUnknownError";
}

/** A reader was slower than its stream, and the buffer between them is full. */
export class BufferOverflowError extends FinalexError {
  override name = "BufferOverflowError";
}

/** Messages were missed that the server can no longer tell. */
export class GapError extends FinalexError {
  override name = "GapError";
}

/** A call that cannot be carried out, such as a second stream of the same thing. */
export class UsageError extends FinalexError {
  override name = "UsageError";
}

/** Return the error that `data` of an `error` message means, as the answer to a request of `method`. */
export function serverError(data: Record<string, unknown>, resent = false, method = "place_order"): ServerError {
  if (data["code"] !== "ORDER_REJECTED") return new ServerError(data, resent);
  return method === "place_order" ? new OrderRejectedError(data, resent) : new CancelRejectedError(data, resent);
}

export const UNAUTHORIZED = 3000;

const STAY_AWAY: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009]);

/** Return whether to come back after `closeCode`; after 3000 only with new credentials. */
export function mayReconnect(closeCode: number, hasNewCredentials: boolean): boolean {
  return closeCode === UNAUTHORIZED ? hasNewCredentials : !STAY_AWAY.has(closeCode);
}
