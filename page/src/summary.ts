/** The line at the top: the market that is shown, its price and its last 24 hours. */

import type { Ticker } from "../../clients/js/src/index.ts";
import { brief, group } from "./decimals.ts";
import { byId, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { percent, tone } from "./market-list.ts";

export class Summary {
  #market: Market | null = null;
  #ticker: Ticker | null = null;
  #price = "";

  /** Show another market. */
  show(market: Market): void {
    this.#market = market;
    this.#ticker = null;
    this.#price = "";
    for (const id of ["last", "spread-last"]) byId(id).className = id;
    draw(this.#draw);
  }

  /** Take the newest ticker, if it is of the market that is shown. */
  take(ticker: Ticker): void {
    if (ticker.symbol !== this.#market?.symbol) return;
    this.#ticker = ticker;
    draw(this.#draw);
  }

  readonly #draw = (): void => {
    const { symbol = "—", base = "", quote = "" } = this.#market ?? {};
    const ticker = this.#ticker;
    say(byId("symbol"), symbol);
    say(byId("volume-unit"), base);
    say(byId("turnover-unit"), quote);
    document.title = ticker === null ? `${symbol} · Finalex` : `${group(ticker.price)} ${symbol} · Finalex`;
    this.#drawPrice(ticker?.price ?? "");
    say(byId("change-amount"), ticker === null ? "—" : sign(ticker.change_24h));
    say(byId("change-percent"), ticker === null ? "" : percent(ticker.change_percent_24h));
    byId("change").className = tone(ticker?.change_percent_24h ?? "0");
    say(byId("high"), ticker === null ? "—" : group(ticker.high_24h));
    say(byId("low"), ticker === null ? "—" : group(ticker.low_24h));
    say(byId("volume"), ticker === null ? "—" : brief(ticker.volume_24h));
    say(byId("turnover"), ticker === null ? "—" : brief(ticker.quote_volume_24h));
  };

  #drawPrice(price: string): void {
    const places = [byId("last"), byId("spread-last")];
    for (const place of places) {
      say(place, price === "" ? "—" : group(price));
      if (this.#price === "" || price === this.#price) continue;
      place.classList.toggle("up", Number(price) > Number(this.#price));
      place.classList.toggle("down", Number(price) < Number(this.#price));
    }
    this.#price = price;
  }
}

function sign(text: string): string {
  return text.startsWith("-") ? `-${group(text.slice(1))}` : Number(text) === 0 ? text : `+${group(text)}`;
}
