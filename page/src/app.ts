/** The page: brings the connection, the streams and the views together. */

import type { Client, FinalexError, Ticker } from "../../clients/js/src/index.ts";
import { ConnectionEndedError, ServerError } from "../../clients/js/src/index.ts";
import { AccountFeed } from "./account-feed.ts";
import { showAccount } from "./account.ts";
import { Chart } from "./chart.ts";
import { nameOf } from "./credentials.ts";
import { DepthChart } from "./depth-chart.ts";
import type { Facts, Market } from "./facts.ts";
import { follow } from "./follow.ts";
import { draw } from "./frame.ts";
import { IntervalChoice } from "./intervals.ts";
import { Ladder } from "./ladder.ts";
import { Line } from "./line.ts";
import { LinkState } from "./link-state.ts";
import { Login } from "./login.ts";
import { MarketFeed } from "./market-feed.ts";
import { MarketList } from "./market-list.ts";
import { MarketStates } from "./market-states.ts";
import { hideMarkets, showPanel } from "./panels.ts";
import { putInAddress, symbolInAddress } from "./place.ts";
import { wordsOf } from "./reasons.ts";
import { keepCredentials, keptCredentials } from "./storage.ts";
import { Summary } from "./summary.ts";
import { Tape } from "./tape.ts";
import { Ticket } from "./ticket.ts";
import { toast } from "./toasts.ts";

/** Tickers of so many markets: a connection has 100 public subscriptions, and the market that is shown takes more. */
const TICKERS_MAX = 90;

/** A market's clock that goes back so far is another market's: the server plays a recording from its start again. */
const SETBACK_MS = 60_000;

const UNAUTHORIZED = 3000;

export class App {
  #credentials = keptCredentials();
  readonly #link = new LinkState(() => this.#line.state);
  /** Comes before all views: the connection is made while they are. */
  readonly #line = this.#dial();
  readonly list: MarketList;
  readonly intervals: IntervalChoice;
  readonly account: AccountFeed;
  readonly chart = new Chart();
  readonly ticket: Ticket;
  readonly #markets: ReadonlyMap<string, Market>;
  readonly #summary = new Summary();
  readonly #states = new MarketStates();
  readonly #tape = new Tape();
  readonly #depth = new DepthChart();
  readonly #ladder: Ladder;
  readonly #login: Login;
  #market: Market;
  #feed: MarketFeed | null = null;
  #clockMs = 0;

  constructor({ markets, trading }: Facts) {
    this.#markets = new Map(markets.map((market) => [market.symbol, market]));
    const market = this.#markets.get(symbolInAddress()) ?? markets[0];
    if (market === undefined) throw new Error("the server has no market");
    this.#market = market;
    this.#login = new Login((credentials) => this.#logIn(credentials));
    this.list = new MarketList(markets, (symbol) => this.choose(symbol));
    this.intervals = new IntervalChoice((interval) => this.#changeInterval(interval));
    this.account = new AccountFeed(this.#markets, () => this.#markOrders(), () => draw(this.ticket.draw));
    this.ticket = new Ticket(this.#desk(), trading);
    this.#ladder = new Ladder((price) => {
      this.ticket.takePrice(price);
      showPanel("ticket");
    });
  }

  /** Show the market of the address, and the account of who is logged in in this tab. */
  start(): void {
    this.#prepare(this.#market);
    this.#followAll(this.#line.client);
  }

  /** Connect anew. */
  connect(): void {
    this.#line.open(this.#credentials);
    this.#followAll(this.#line.client);
  }

  /** Show another market. */
  choose(symbol: string): void {
    const market = this.#markets.get(symbol);
    hideMarkets();
    if (market === undefined || market === this.#market) return;
    this.#market = market;
    this.#prepare(market);
    this.#followMarket(this.#line.client);
  }

  /** Show the next or the previous market of the list. */
  step(step: 1 | -1): void {
    this.choose(this.list.neighbour(this.#market.symbol, step));
  }

  /** Ask for credentials, or forget them. */
  toggleLogin(): void {
    if (this.#credentials === null) return this.#login.open();
    this.#remember(null);
    this.connect();
  }

  // --- what is followed --------------------------------------------------------------------------------

  #prepare(market: Market): void {
    putInAddress(market.symbol);
    this.list.mark(market.symbol);
    this.#summary.show(market);
    this.#states.show(market.symbol);
    this.#tape.show(market);
    this.#chart(market);
    this.ticket.show(market);
    this.#markOrders();
  }

  #chart(market: Market): void {
    this.chart.show(market);
    this.chart.fit();
  }

  #followAll(client: Client): void {
    this.#clockMs = 0;
    this.#feed = null;
    this.#tape.show(this.#market);
    this.chart.show(this.#market);
    this.#followMarket(client);
    for (const { symbol } of [...this.#markets.values()].slice(0, TICKERS_MAX)) {
      void follow(client.ticker(symbol, { buffer: { policy: "latestOnly" } }), (ticker) => this.#onTicker(ticker));
    }
    void follow(client.marketStatus(undefined, { buffer: { policy: "latestOnly" } }), (status) => this.#states.take(status));
    showAccount(this.#credentials === null ? null : nameOf(this.#credentials));
    if (this.#credentials === null) this.account.clear();
    else this.account.follow(client);
    draw(this.ticket.draw);
  }

  #followMarket(client: Client): void {
    this.#feed?.close();
    this.#feed = null;
    if (client.state.status === "closed") return;
    this.#feed = new MarketFeed(client, this.#market, this.intervals.chosen, {
      book: (market, book) => {
        this.#ladder.show(market, book);
        this.#depth.show(market, book);
      },
      bookChanged: () => {
        draw(this.#ladder.draw);
        this.#depth.changed();
      },
      trade: (trade) => this.#tape.take(trade),
      candle: (kline) => this.chart.take(kline),
    });
  }

  #changeInterval(interval: string): void {
    this.#chart(this.#market);
    if (this.#line.state?.status !== "closed") this.#feed?.change(interval);
  }

  #onTicker(ticker: Ticker): void {
    this.list.take(ticker);
    if (ticker.symbol !== this.#market.symbol) return;
    const isAnother = ticker.timestamp < this.#clockMs - SETBACK_MS;
    this.#clockMs = ticker.timestamp;
    if (isAnother) return this.connect();
    this.#summary.take(ticker);
    this.ticket.take(ticker);
  }

  #markOrders(): void {
    const orders = this.account.orders.of(this.#market.symbol).filter(({ type }) => type === "limit");
    const prices = (side: string): string[] => orders.filter((order) => order.side === side).map(({ price }) => price);
    this.chart.mark(orders);
    this.#ladder.mark({ buy: prices("buy"), sell: prices("sell") });
  }

  // --- the connection and who is logged in -------------------------------------------------------------

  #dial(): Line {
    const line = new Line(() => draw(this.#link.draw), (error) => this.#onEnd(error));
    line.open(this.#credentials);
    return line;
  }

  /** Credentials that are refused, or have expired, leave the markets as they are. */
  #onEnd(error: FinalexError): void {
    const isRefused = error instanceof ServerError || (error instanceof ConnectionEndedError && error.closeCode === UNAUTHORIZED);
    if (this.#credentials === null || !isRefused) return;
    this.#remember(null);
    toast(`You are logged out: ${wordsOf(error)}`, "bad");
    queueMicrotask(() => this.connect());
  }

  async #logIn(credentials: string): Promise<void> {
    await this.#line.change(credentials);
    this.#remember(credentials);
    this.#followAll(this.#line.client);
  }

  #remember(credentials: string | null): void {
    this.#credentials = credentials;
    keepCredentials(credentials);
  }

  #desk(): ConstructorParameters<typeof Ticket>[0] {
    return {
      isIn: () => this.#credentials !== null,
      available: (currency) => this.account.balances.available(currency),
      place: (order) => this.#line.client.placeOrder(order),
      logIn: () => this.#login.open(),
    };
  }
}
