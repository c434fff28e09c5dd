/** The streams of the market that is shown. */

import type { Client, Kline, LocalBook, Stream, SubscriptionStatus, Trade } from "../../clients/js/src/index.ts";
import { byId, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { follow } from "./follow.ts";
import { draw } from "./frame.ts";
import { count } from "./rate.ts";
import { TRADES_MAX } from "./tape.ts";

const DEPTH = 200;
const HISTORY = 1000;

export interface MarketViews {
  book(market: Market, book: LocalBook): void;
  bookChanged(): void;
  trade(trade: Trade): void;
  candle(kline: Kline): void;
}

export class MarketFeed {
  readonly market: Market;
  readonly #client: Client;
  readonly #views: MarketViews;
  readonly #book: LocalBook;
  readonly #trades: Stream<Trade>;
  #candles: Stream<Kline>;

  constructor(client: Client, market: Market, interval: string, views: MarketViews) {
    this.market = market;
    this.#client = client;
    this.#views = views;
    this.#candles = this.#openCandles(interval);
    this.#book = client.book(market.symbol, { depth: DEPTH });
    this.#book.onChange = () => {
      count();
      views.bookChanged();
      draw(this.#drawState);
    };
    this.#book.onStatus = () => draw(this.#drawState);
    void this.#book.ready().catch(() => undefined);
    this.#trades = client.trades(market.symbol, { snapshot: TRADES_MAX, onGap: "continue" });
    this.#trades.onStatus = (status) => mark("tape", status);
    void follow(this.#trades, (trade) => views.trade(trade));
    views.book(market, this.#book);
    draw(this.#drawState);
  }

  /** Take candles of another length. */
  change(interval: string): void {
    this.#candles.close();
    this.#candles = this.#openCandles(interval);
  }

  close(): void {
    this.#book.onChange = this.#book.onStatus = null;
    for (const each of [this.#book, this.#trades, this.#candles]) each.close();
  }

  #openCandles(interval: string): Stream<Kline> {
    const candles = this.#client.klines(this.market.symbol, interval, { history: HISTORY, onGap: "continue" });
    candles.onStatus = (status) => mark("chart-canvas", status);
    void follow(candles, (kline) => {
      if (candles === this.#candles || kline.interval === interval) this.#views.candle(kline);
    });
    return candles;
  }

  /** Say when the book is not what it was a moment ago on the exchange. */
  readonly #drawState = (): void => {
    const { status, stale } = this.#book;
    const word = stale ? "Stale: no source" : STATE_WORDS[status];
    say(byId("book-state"), word ?? "");
    byId("book-state").hidden = word === undefined;
    const isOld = stale || word !== undefined;
    byId("ladder").classList.toggle("old", isOld);
    byId("depth").classList.toggle("old", isOld);
  };
}

const STATE_WORDS: Partial<Record<SubscriptionStatus, string>> = {
  pending: "Loading",
  stale: "Stale",
  resuming: "Updating",
  closed: "Closed",
};

function mark(id: string, status: SubscriptionStatus): void {
  byId(id).classList.toggle("old", status === "stale" || status === "resuming" || status === "closed");
}
