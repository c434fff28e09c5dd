/**
 * A server for tests, without a network: give `server.WebSocket` to a client, publish what its code should see, and
 * break the connection wherever a real one could break.
 */

import type { Envelope, MarketStatus } from "./messages.ts";
import { keyOf } from "./subscription.ts";
import type { Item } from "./subscription.ts";

export interface FakeRequest {
  id: string;
  method: string;
  params: Record<string, unknown>;
}

type Handler = (event: never) => unknown;

/** The client's end of a connection. */
export class FakeSocket {
  onopen: Handler | null = null;
  onmessage: Handler | null = null;
  onclose: Handler | null = null;
  onerror: Handler | null = null;
  readonly url: string;
  /** All that the client has sent. */
  readonly requests: FakeRequest[] = [];
  /** What this connection is subscribed to. */
  readonly subscribed = new Map<string, Item>();
  isOpen = true;
  readonly #server: FakeServer;

  constructor(url: string, server: FakeServer) {
    this.url = url;
    this.#server = server;
    server.sockets.push(this);
    queueMicrotask(() => this.#open());
  }

  /** Called by the client. */
  send(text: string): void {
    if (!this.isOpen) return;
    const request = JSON.parse(text) as FakeRequest;
    this.requests.push(request);
    queueMicrotask(() => this.#server.answer(this, request));
  }

  /** Called by the client. */
  close(code = 1000, reason = ""): void {
    this.drop(code, reason);
  }

  /** Hand a message to the client. */
  receive(message: Partial<Envelope> | string): void {
    const whole = typeof message === "string" ? message : JSON.stringify({ timestamp: this.#server.nowMs, ...message });
    if (this.isOpen) (this.onmessage as ((event: object) => unknown) | null)?.({ data: whole });
  }

  /** End the connection; without a code as a broken cable does. */
  drop(code = 1006, reason = ""): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    (this.onclose as ((event: object) => unknown) | null)?.({ code, reason });
  }

  #open(): void {
    if (!this.isOpen) return;
    if (this.#server.refusals > 0) {
      this.#server.refusals -= 1;
      this.drop();
      return;
    }
    (this.onopen as ((event: object) => unknown) | null)?.({});
    this.receive({ id: "server-1", type: "connection_status", data: { status: "connected" } });
  }
}

interface Published {
  key: string;
  message: Partial<Envelope>;
}

export class FakeServer {
  /** What a client takes for `WebSocket`. */
  readonly WebSocket: new (url: string) => FakeSocket;
  readonly sockets: FakeSocket[] = [];
  /** The server's clock. */
  nowMs = 1_700_000_000_000;
  /** So many connections are dropped before they open. */
  refusals = 0;
  /** While set, no request is answered. */
  isSilent = false;
  /** So many of the next messages of a channel are left out, as a bad proxy might. */
  skips = 0;
  /** Whether `after` still finds what was missed. */
  canResume = true;
  /** Answers that come instead of the usual ones, by method; `null` leaves the request without one. */
  readonly answers = new Map<string, (request: FakeRequest) => Partial<Envelope> | null>();
  /** Books by symbol: what a subscriber gets first. */
  readonly snapshots = new Map<string, Record<string, unknown>>();
  readonly #published: Published[] = [];
  readonly #statuses = new Map<string, Partial<Envelope>>();
  #changes = 0;

  constructor() {
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url, server);
      }
    };
  }

  /** The newest connection. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("nobody has connected");
    return socket;
  }

  /** Publish a message of a channel to all who are subscribed, and keep it for those who resume. */
  publish(channel: string, id: string, type: string, data: Record<string, unknown>): void {
    const key = keyOf(channel, data);
    const message = { id, type, channel, data };
    this.#published.push({ key, message });
    if (this.skips > 0) {
      this.skips -= 1;
      return;
    }
    for (const socket of this.sockets) {
      if (socket.subscribed.has(key) || socket.subscribed.has(keyOf(channel, {}))) socket.receive(message);
    }
  }

  /** Let a market's status be as given; a subscriber gets it at once. */
  setStatus(symbol: string, status: Partial<Omit<MarketStatus, "symbol">>): void {
    const data = { symbol, state: "open", book: "live", timestamp: this.nowMs, ...status };
    const id = `status:${symbol}:${(this.#changes += 1)}`;
    this.#statuses.set(symbol, { id: `${id}:snapshot`, type: "status", channel: "status", data });
    this.publish("status", id, "status", data);
  }

  /** Answer a request as the protocol says. */
  answer(socket: FakeSocket, request: FakeRequest): void {
    if (this.isSilent || !socket.isOpen) return;
    const own = this.answers.get(request.method);
    if (own !== undefined) {
      const message = own(request);
      if (message !== null) socket.receive({ id: request.id, ...message });
    } else if (request.method === "subscribe") this.#subscribe(socket, request);
    else socket.receive({ id: request.id, type: ANSWERS[request.method] ?? request.method, data: {} });
    if (request.method === "unsubscribe") socket.subscribed.delete(keyOf(String(request.params["channel"]), request.params));
  }

  #subscribe(socket: FakeSocket, request: FakeRequest): void {
    const items = request.params["subscriptions"] as Item[];
    const results = items.map((item) => ("after" in item ? { ...item, resumed: this.canResume } : item));
    socket.receive({ id: request.id, type: "subscribed", data: { results } });
    for (const item of items) this.#open(socket, item);
  }

  #open(socket: FakeSocket, item: Item): void {
    const channel = String(item["channel"]);
    const key = keyOf(channel, item);
    socket.subscribed.set(key, item);
    const snapshot = channel === "orderbook" ? this.snapshots.get(String(item["symbol"])) : undefined;
    if (snapshot !== undefined) {
      socket.receive({ id: `${key}:snapshot`, type: "orderbook_snapshot", channel, data: snapshot });
    }
    if (channel === "heartbeat") this.#beat(socket);
    else if (channel === "status") this.#tellStatus(socket, item["symbol"]);
    else for (const message of this.#past(key, item)) socket.receive(message);
  }

  #tellStatus(socket: FakeSocket, wanted: unknown): void {
    for (const [symbol, message] of this.#statuses) {
      if (wanted === undefined || wanted === symbol) socket.receive(message);
    }
  }

  #past(key: string, item: Item): Partial<Envelope>[] {
    const isAny = item["symbol"] === undefined;
    const all = this.#published
      .filter((each) => each.key === key || (isAny && each.message.channel === item["channel"]))
      .map((each) => each.message);
    if ("after" in item && this.canResume) return all.slice(all.findIndex(({ id }) => id === item["after"]) + 1);
    const count = Number(item["snapshot"] ?? 0);
    return count > 0 ? all.slice(-count) : [];
  }

  #beat(socket: FakeSocket): void {
    const rows = [...socket.subscribed.values()].filter((item) => item["channel"] !== "heartbeat");
    const data = { subscriptions: rows.map((item) => ({ ...item, last_id: null })), timestamp: this.nowMs };
    socket.receive({ id: "heartbeat:1", type: "heartbeat", channel: "heartbeat", data });
  }
}

const ANSWERS: Record<string, string> = {
  auth: "authenticated",
  cancel_all_orders: "orders_canceled",
  cancel_order: "orders_canceled",
  ping: "pong",
  place_order: "order_accepted",
  unsubscribe: "unsubscribed",
};
