/** What the core wants done, and what it can be told beforehand. */

import { BACKOFF } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { FinalexError } from "./errors.ts";
import type { Envelope } from "./messages.ts";
import type { Settled } from "./requests.ts";
import type { Subscription } from "./subscription.ts";

export type Credentials = { token: string } | { api_key: string };

export type ConnectionStatus = "connecting" | "connected" | "waiting" | "closed";

export type Effect =
  | { kind: "authorize" }
  | { kind: "connect" }
  | { kind: "send"; text: string }
  | { kind: "disconnect" }
  | { kind: "connection" }
  | { kind: "subscription"; subscription: Subscription }
  | { kind: "deliver"; subscription: Subscription; message: Envelope }
  | { kind: "ended"; subscription: Subscription; error: FinalexError | null }
  | { kind: "settled"; settled: Settled }
  | { kind: "notice"; text: string }
  | { kind: "closed"; error: FinalexError | null };

export interface CoreOptions {
  /** Whether there are credentials at all, and whether asking for them again may give other ones. */
  credentials: "none" | "fixed" | "renewable";
  backoff: BackoffOptions;
  /** How often to measure the latency; a connection on which nothing comes for that and `answerTimeoutMs` is dead. */
  pingIntervalMs: number;
  /** How long an answer, or a step of connecting, may take. */
  answerTimeoutMs: number;
  /** How long the answer to a subscription may take: the server may have to read its log. */
  subscribeTimeoutMs: number;
  /** How long an order waits for a connection before it is given up. */
  unsentOrderMs: number;
  /** The server takes 1000. */
  messagesPerMinute: number;
  /** Gives numbers from 0 to below 1. */
  random: () => number;
}

export const CORE: CoreOptions = {
  credentials: "none",
  backoff: BACKOFF,
  pingIntervalMs: 15_000,
  answerTimeoutMs: 10_000,
  subscribeTimeoutMs: 30_000,
  unsentOrderMs: 10_000,
  messagesPerMinute: 950,
  random: Math.random,
};
