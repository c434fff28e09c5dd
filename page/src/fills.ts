/** The account's own trades, newest first. */

import type { UserTrade } from "../../clients/js/src/index.ts";
import { cut, group } from "./decimals.ts";
import { byId, make } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { KeyedRows } from "./keyed-rows.ts";
import { dateText } from "./times.ts";

/** So many are asked for at the beginning, and kept. */
export const FILLS_MAX = 100;

export class Fills {
  readonly #markets: ReadonlyMap<string, Market>;
  readonly #rows: KeyedRows<UserTrade>;
  #fills: UserTrade[] = [];

  constructor(markets: ReadonlyMap<string, Market>) {
    this.#markets = markets;
    this.#rows = new KeyedRows<UserTrade>(byId("fill-rows"), (fill) => this.#row(fill), () => undefined);
  }

  /** Forget the account. */
  clear(): void {
    this.#fills = [];
    draw(this.#draw);
  }

  take(fill: UserTrade): void {
    this.#fills.unshift(fill);
    if (this.#fills.length > FILLS_MAX) this.#fills.pop();
    draw(this.#draw);
  }

  readonly #draw = (): void => {
    this.#rows.show(new Map(this.#fills.map((fill) => [`${fill.symbol} ${fill.trade_id} ${fill.role}`, fill])));
    byId("no-fills").hidden = this.#fills.length > 0;
  };

  #row({ timestamp, symbol, side, price, quantity, fee, fee_currency, role }: UserTrade): HTMLElement {
    return make(
      "tr",
      "",
      make("td", "soft", dateText(timestamp)),
      make("td", "", symbol),
      make("td", side === "buy" ? "up" : "down", side === "buy" ? "Buy" : "Sell"),
      make("td", "n", group(price)),
      make("td", "n", group(cut(quantity, this.#markets.get(symbol)?.lotDecimals ?? 8))),
      make("td", "n soft", `${group(fee)} ${fee_currency}`),
      make("td", "soft", role),
    );
  }
}
