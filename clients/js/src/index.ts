/** A client of the Finalex WebSocket platform. */

export { Client, connect } from "./client.ts";
export { BUFFER_LIMIT } from "./buffer.ts";
export type { BufferPolicy } from "./buffer.ts";
export type { ConnectionStatus, CoreOptions } from "./effects.ts";
export type * from "./options.ts";
export type { BackoffOptions } from "./backoff.ts";
export * from "./errors.ts";
export type * from "./messages.ts";
export { OrderBook, comparePrices } from "./orderbook.ts";
export { LocalBook, Stream } from "./stream.ts";
export type { BookView } from "./stream.ts";
export type { SubscriptionStatus } from "./subscription.ts";
