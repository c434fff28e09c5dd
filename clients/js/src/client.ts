/** The client: carries out the core's effects with a socket and a timer, and gives streams to its caller. */

import { Core } from "./core.ts";
import { BACKOFF } from "./backoff.ts";
import { Buffer, LatestOfEach } from "./buffer.ts";
import { now } from "./clock.ts";
import type { Effect } from "./effects.ts";
import { UsageError } from "./errors.ts";
import type { FinalexError } from "./errors.ts";
import type { Account, Kline, MarketStatus, Order, Ticker, Trade, UserTrade } from "./messages.ts";
import { readCredentials, socketClass } from "./options.ts";
import type { ClientOptions, ConnectionState, OrderRequest, Socket, SocketClass, StreamOptions } from "./options.ts";
import type { Settled } from "./requests.ts";
import { LocalBook, Stream } from "./stream.ts";
import { BookSubscription, KlineSubscription, ResumableSubscription } from "./subscription.ts";
import { StatusSubscription, Subscription } from "./subscription.ts";
import type { Item } from "./subscription.ts";

interface Reader {
  push(data: never): void;
  end(error: FinalexError | null): void;
  changed(): void;
}

interface Promised {
  resolve: (data: never) => void;
  reject: (error: FinalexError) => void;
}

/** The `readyState` of a socket that takes messages. */
const OPEN = 1;

/** The longest delay that timers take. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Client {
  readonly #url: string;
  readonly #options: ClientOptions;
  readonly #socketClass: SocketClass;
  readonly #core: Core;
  readonly #readers = new Map<Subscription, Reader>();
  readonly #promised = new Map<string, Promised>();
  #connected: Promised[] = [];
  #socket: Socket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerMs = Infinity;
  #error: FinalexError | null = null;

  /** Connects at once, and stays connected until `close`; throws `UsageError` if it cannot. */
  constructor(url: string, options: ClientOptions = {}) {
    if (options.token !== undefined && options.apiKey !== undefined) throw new UsageError("give a token or an API key");
    this.#url = url;
    this.#options = options;
    this.#socketClass = socketClass(options);
    const given = options.token !== undefined || options.apiKey !== undefined;
    const credentials = typeof options.token === "function" ? "renewable" : given ? "fixed" : "none";
    this.#core = new Core({ ...options.core, credentials, backoff: { ...BACKOFF, ...options.backoff } });
    this.#perform(this.#core.start(now()));
  }

  get state(): ConnectionState {
    const { status, attempts, latencyMs, lagging, retryMs } = this.#core;
    const retryInMs = retryMs === null ? null : Math.max(0, retryMs - now());
    return { status, attempts, latencyMs, lagging, retryInMs, error: this.#error };
  }

  /** Wait until there is a connection; rejects if there will be none. */
  ready(): Promise<void> {
    if (this.#core.status === "connected") return Promise.resolve();
    if (this.#core.status === "closed") return Promise.reject(this.#error ?? new UsageError("the client is closed"));
    return new Promise((resolve, reject) => this.#connected.push({ resolve: resolve as () => void, reject }));
  }

  /** End all streams and the connection. */
  close(): void {
    this.#perform(this.#core.stop());
  }

  // --- market data -------------------------------------------------------------------------------------

  ticker(symbol: string, options: StreamOptions = {}): Stream<Ticker> {
    return this.#stream(new Subscription("ticker", { symbol }), options, "continue");
  }

  /** Trades, before them the last `snapshot` ones (up to 1000), oldest first. */
  trades(symbol: string, options: StreamOptions & { snapshot?: number } = {}): Stream<Trade> {
    const params = given({ symbol, snapshot: options.snapshot });
    return this.#stream(new ResumableSubscription("trades", params), options, "error");
  }

  /** Candles, before them the last `history` closed ones (up to 1000), oldest first. */
  klines(symbol: string, interval = "1m", options: StreamOptions & { history?: number } = {}): Stream<Kline> {
    const params = given({ symbol, interval, history: options.history });
    return this.#stream(new KlineSubscription("kline", params), options, "continue");
  }

  /** A local order book of the best `depth` levels of each side. */
  book(symbol: string, options: { depth?: number } = {}): LocalBook {
    const subscription = new BookSubscription(symbol, options.depth ?? 20);
    const book = new LocalBook(subscription, () => this.#unsubscribe(subscription));
    this.#subscribe(subscription, book);
    return book;
  }

  /** What a market takes, or all of them: the present status of each, then every change. */
  marketStatus(symbol?: string, options: StreamOptions = {}): Stream<MarketStatus> {
    const subscription = new StatusSubscription("status", given({ symbol }));
    if (options.buffer?.policy !== "latestOnly") return this.#stream(subscription, options, "continue");
    return this.#stream(subscription, options, "continue", new LatestOfEach((status) => status.symbol));
  }

  // --- the account -------------------------------------------------------------------------------------

  account(options: StreamOptions = {}): Stream<Account> {
    return this.#stream(new Subscription("account", {}), options, "continue");
  }

  /** Every change of one's orders, before them all that are open unless `snapshot` is `false`. */
  orders(options: StreamOptions & { symbol?: string; snapshot?: boolean } = {}): Stream<Order> {
    const params = given({ symbol: options.symbol, snapshot: options.snapshot });
    return this.#stream(new ResumableSubscription("orders", params), options, "error");
  }

  userTrades(options: StreamOptions & { symbol?: string; snapshot?: number } = {}): Stream<UserTrade> {
    const params = given({ symbol: options.symbol, snapshot: options.snapshot });
    return this.#stream(new ResumableSubscription("user_trades", params), options, "error");
  }

  /**
   * Place an order; resolves with the order once it is durable, rejects with `OrderRejectedError`. After a lost
   * connection it is asked for again with its `clientOrderId`, so the outcome is known and no order is placed twice.
   */
  placeOrder(order: OrderRequest): Promise<Order> {
    const { symbol, side, quantity, price, timeInForce, postOnly } = order;
    const params = { symbol, side, type: order.type ?? "limit", quantity, price, time_in_force: timeInForce };
    const client_order_id = order.clientOrderId ?? crypto.randomUUID();
    return this.#request("place_order", given({ ...params, post_only: postOnly, client_order_id }));
  }

  /**
   * Cancel an order named by one of its ids; resolves with the ids of what was canceled, rejects with
   * `CancelRejectedError` where nothing is canceled now: in a halted market.
   */
  async cancelOrder(which: { orderId: string } | { clientOrderId: string }): Promise<string[]> {
    const params = "orderId" in which ? { order_id: which.orderId } : { client_order_id: which.clientOrderId };
    return (await this.#request<{ order_ids: string[] }>("cancel_order", params)).order_ids;
  }

  /** Cancel all open orders, of one symbol or of all; resolves with their ids. */
  async cancelAllOrders(symbol?: string): Promise<string[]> {
    return (await this.#request<{ order_ids: string[] }>("cancel_all_orders", given({ symbol }))).order_ids;
  }

  /** Switch on or off that a connection's open orders are canceled when it ends; new connections keep it. */
  async cancelOnDisconnect(enabled: boolean): Promise<void> {
    await this.#request("cancel_on_disconnect", { enabled });
  }

  // --- streams and requests ----------------------------------------------------------------------------

  #stream<T>(
    subscription: Subscription,
    options: StreamOptions,
    onGap: "error" | "continue",
    buffer = new Buffer<T>(options.buffer),
  ): Stream<T> {
    subscription.endsAtGap = (options.onGap ?? onGap) === "error";
    const stream = new Stream<T>(subscription, () => this.#unsubscribe(subscription), buffer);
    this.#subscribe(subscription, stream);
    return stream;
  }

  #subscribe(subscription: Subscription, reader: Reader): void {
    const effects = this.#core.subscribe(subscription, now());
    this.#readers.set(subscription, reader);
    this.#perform(effects);
  }

  #unsubscribe(subscription: Subscription): void {
    this.#perform(this.#core.unsubscribe(subscription, now()));
  }

  #request<T>(method: string, params: Record<string, unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { request, effects } = this.#core.request(method, params, now());
      this.#promised.set(request.id, { resolve, reject });
      this.#perform(effects);
    });
  }

  // --- effects -----------------------------------------------------------------------------------------

  #perform(effects: Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    const isTraffic = effects.length > 0 && effects.every(({ kind }) => kind === "deliver");
    if (!isTraffic) this.#schedule();
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "connect":
        return this.#connect();
      case "authorize":
        return void this.#authorize();
      case "send":
        return this.#send(effect.text);
      case "disconnect":
        return this.#disconnect();
      case "deliver":
        return this.#readers.get(effect.subscription)?.push(effect.message.data as never);
      case "subscription":
        return this.#readers.get(effect.subscription)?.changed();
      case "ended":
        return this.#endStream(effect.subscription, effect.error);
      case "settled":
        return this.#settle(effect.settled);
      case "notice":
        return this.#options.onNotice?.(effect.text);
      case "connection":
        return this.#tellState();
      case "closed":
        return this.#end(effect.error);
    }
  }

  #connect(): void {
    this.#disconnect();
    let socket: Socket;
    try {
      socket = new this.#socketClass(this.#url);
    } catch (error) {
      queueMicrotask(() => this.#perform(this.#core.closed(1006, String(error), now())));
      return;
    }
    this.#socket = socket;
    socket.onopen = () => this.#perform(this.#core.opened(now()));
    socket.onmessage = (event: { data: unknown }) => {
      this.#perform(this.#core.received(typeof event.data === "string" ? event.data : "", now()));
    };
    socket.onclose = (event: { code: number; reason: string }) => {
      this.#forget();
      this.#perform(this.#core.closed(event.code, event.reason, now()));
    };
    socket.onerror = () => undefined;
  }

  /** What a socket that is closing is given goes nowhere, and its end, which follows, tells; a browser would complain. */
  #send(text: string): void {
    const socket = this.#socket;
    if (socket !== null && (socket.readyState ?? OPEN) === OPEN) socket.send(text);
  }

  /** Leave the socket to itself: closing may take long on a dead network, and nothing of it matters any more. */
  #disconnect(): void {
    const socket = this.#socket;
    this.#forget();
    socket?.close(1000);
  }

  #forget(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) socket.onopen = socket.onmessage = socket.onclose = null;
  }

  async #authorize(): Promise<void> {
    try {
      const credentials = await readCredentials(this.#options);
      this.#perform(this.#core.credentials(credentials, now()));
    } catch (error) {
      this.#perform(this.#core.credentialsFailed(error instanceof Error ? error.message : String(error), now()));
    }
  }

  #settle({ request, data, error }: Settled): void {
    const promised = this.#promised.get(request.id);
    this.#promised.delete(request.id);
    if (error === null) promised?.resolve(data as never);
    else promised?.reject(error);
  }

  #endStream(subscription: Subscription, error: FinalexError | null): void {
    const reader = this.#readers.get(subscription);
    this.#readers.delete(subscription);
    reader?.end(error);
    reader?.changed();
  }

  #tellState(): void {
    if (this.#core.status === "connected") {
      for (const { resolve } of this.#connected.splice(0)) resolve(undefined as never);
    }
    this.#options.onState?.(this.state);
  }

  #end(error: FinalexError | null): void {
    this.#error = error;
    const reason = error ?? new UsageError("the client was closed");
    for (const { reject } of this.#connected.splice(0)) reject(reason);
    this.#options.onState?.(this.state);
  }

  /** Wake at the core's deadline; a timer that is early enough stays as it is. */
  #schedule(): void {
    const deadlineMs = this.#core.deadlineMs;
    if (deadlineMs >= this.#timerMs && deadlineMs !== Infinity) return;
    clearTimeout(this.#timer);
    this.#timerMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    const delayMs = Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(deadlineMs - now())));
    this.#timer = setTimeout(() => {
      this.#timerMs = Infinity;
      this.#perform(this.#core.advance(now()));
    }, delayMs);
  }
}

/** Connect, and wait until the server has let this client in. */
export async function connect(url: string, options: ClientOptions = {}): Promise<Client> {
  const client = new Client(url, options);
  await client.ready();
  return client;
}

function given(params: Record<string, string | number | boolean | undefined>): Item {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) as Item;
}
