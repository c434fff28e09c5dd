/** The tape: the newest trades, newest first. */

import type { Trade } from "../../clients/js/src/index.ts";
import { group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { quantityText } from "./ladder.ts";
import { unitsOf } from "./levels.ts";
import { timeText } from "./times.ts";

/** So many trades are shown, and can wait for the next frame. */
export const TRADES_MAX = 100;

export class Tape {
  readonly #place = byId("tape-rows");
  #news: Trade[] = [];
  #market: Market | null = null;

  /** Begin with another market. */
  show(market: Market): void {
    this.#market = market;
    this.#news = [];
    this.#place.replaceChildren();
    say(byId("tape-price"), `Price ${market.quote}`);
    say(byId("tape-quantity"), `Quantity ${market.base}`);
    draw(this.#draw);
  }

  /** Take a trade, drawn in the next frame. */
  take(trade: Trade): void {
    this.#news.push(trade);
    if (this.#news.length > TRADES_MAX) this.#news.shift();
    draw(this.#draw);
  }

  /** Only what is new is written; the oldest rows are used again. */
  readonly #draw = (): void => {
    for (const trade of this.#news) {
      const isFull = this.#place.childElementCount >= TRADES_MAX;
      const row = isFull ? this.#place.lastElementChild! : make("li", "", make("span"), make("span"), make("span"));
      this.#write(row, trade);
      this.#place.prepend(row);
    }
    this.#news = [];
    byId("no-trades").hidden = this.#place.childElementCount > 0;
  };

  #write(row: Element, trade: Trade): void {
    const [price, quantity, time] = row.children;
    row.className = `trade three ${trade.side}`;
    price!.textContent = group(trade.price);
    quantity!.textContent = quantityText(unitsOf(trade.quantity), this.#market!);
    time!.textContent = timeText(trade.timestamp);
  }
}
