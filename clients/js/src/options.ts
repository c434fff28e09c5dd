/** What a caller can choose, and is told. */

import type { BackoffOptions } from "./backoff.ts";
import type { BufferPolicy } from "./buffer.ts";
import type { ConnectionStatus, CoreOptions, Credentials } from "./effects.ts";
import { UsageError } from "./errors.ts";
import type { FinalexError } from "./errors.ts";
import type { Side } from "./messages.ts";

/** What this client needs of a WebSocket: a browser's, Node's own (22 and later), or another in its likeness. */
export interface Socket {
  /** Without it a socket counts as open. */
  readonly readyState?: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketClass = new (url: string) => Socket;

export type TokenSource = string | (() => string | Promise<string>);

export interface ClientOptions {
  /** A JWT, or what gives one: asked before every connection and shortly before the token expires. */
  token?: TokenSource;
  apiKey?: string;
  /** Node 20 has no WebSocket of its own. */
  WebSocket?: SocketClass;
  backoff?: Partial<BackoffOptions>;
  /** Anything else of the core's. */
  core?: Partial<Omit<CoreOptions, "credentials" | "backoff">>;
  onState?: (state: ConnectionState) => void;
  /** Sentences about what went wrong and was, or will be, mended. */
  onNotice?: (text: string) => void;
}

export interface ConnectionState {
  status: ConnectionStatus;
  attempts: number;
  latencyMs: number | null;
  lagging: boolean;
  /** How long until the next attempt to connect. */
  retryInMs: number | null;
  error: FinalexError | null;
}

export interface StreamOptions {
  buffer?: BufferPolicy;
  /** What to do when messages were missed for good; streams of lists end with `GapError` unless told otherwise. */
  onGap?: "error" | "continue";
}

export interface OrderRequest {
  symbol: string;
  side: Side;
  type?: "limit" | "market";
  quantity: string;
  price?: string;
  timeInForce?: "GTC" | "IOC" | "FOK";
  postOnly?: boolean;
  /** Made up if it is missing: with it the order can be asked for again without trading twice. */
  clientOrderId?: string;
}

/** Return the credentials for a connection. */
export async function readCredentials({ token, apiKey }: ClientOptions): Promise<Credentials> {
  if (apiKey !== undefined) return { api_key: apiKey };
  return { token: typeof token === "function" ? await token() : (token ?? "") };
}

/** Return what makes sockets; throws `UsageError` where there is nothing. */
export function socketClass(options: ClientOptions): SocketClass {
  const found = options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
  if (found === undefined) throw new UsageError("there is no global WebSocket: give one as the option 'WebSocket'");
  return found;
}
