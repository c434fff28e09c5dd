/** The form that orders are placed with. */

import type { FinalexError, Order, OrderRequest, Side, Ticker } from "../../clients/js/src/index.ts";
import { cut, group } from "./decimals.ts";
import { byId, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { wordsOf } from "./reasons.ts";
import { affordable, feeOf, share, stepped, totalOf } from "./sums.ts";

export interface Desk {
  /** Whether somebody is logged in. */
  isIn(): boolean;
  available(currency: string): string;
  place(order: OrderRequest): Promise<Order>;
  logIn(): void;
}

export class Ticket {
  readonly #desk: Desk;
  readonly #takesOrders: boolean;
  readonly #form = byId<HTMLFormElement>("order");
  readonly #price = byId<HTMLInputElement>("price");
  readonly #quantity = byId<HTMLInputElement>("quantity");
  readonly #submit = byId<HTMLButtonElement>("submit");
  #market: Market | null = null;
  #ticker: Ticker | null = null;
  #isPending = false;

  constructor(desk: Desk, takesOrders: boolean) {
    this.#desk = desk;
    this.#takesOrders = takesOrders;
    this.#form.addEventListener("input", () => draw(this.draw));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#place();
    });
    this.#price.addEventListener("keydown", (event) => this.#step(event, this.#price));
    this.#quantity.addEventListener("keydown", (event) => this.#step(event, this.#quantity));
    for (const button of this.#form.querySelectorAll<HTMLButtonElement>("[data-share]")) {
      button.addEventListener("click", () => this.#take(Number(button.dataset["share"])));
    }
  }

  /** Trade another market. */
  show(market: Market): void {
    this.#market = market;
    this.#ticker = null;
    this.#price.value = "";
    this.#quantity.value = "";
    say(byId("price-unit"), market.quote);
    say(byId("quantity-unit"), market.base);
    this.#say("", "");
    draw(this.draw);
  }

  /** Know the present prices; the last one is where an untouched form begins. */
  take(ticker: Ticker): void {
    if (ticker.symbol !== this.#market?.symbol) return;
    if (this.#ticker === null && this.#price.value === "") this.#price.value = ticker.price;
    this.#ticker = ticker;
    draw(this.draw);
  }

  /** Take a price of the book. */
  takePrice(price: string): void {
    this.#choose("type", "limit");
    this.#price.value = price;
    draw(this.draw);
  }

  /** Begin to write a buy or sell order. */
  focus(side: Side): void {
    this.#choose("side", side);
    this.#quantity.focus();
    this.#quantity.select();
    draw(this.draw);
  }

  readonly draw = (): void => {
    const market = this.#market;
    if (market === null) return;
    const isLimit = this.#value("type") === "limit";
    byId("price-field").hidden = !isLimit;
    byId("force-field").hidden = !isLimit;
    this.#drawSums(market, isLimit);
    this.#drawSubmit(market);
  };

  #drawSums(market: Market, isLimit: boolean): void {
    const side = this.#side();
    const currency = side === "buy" ? market.quote : market.base;
    say(byId("available"), this.#desk.isIn() ? `${group(this.#desk.available(currency))} ${currency}` : "—");
    const total = totalOf(market, this.#priceNow(), this.#quantity.value);
    say(byId("total-name"), isLimit ? "Total" : "Total, about");
    say(byId("total"), total === null ? "—" : `${group(total)} ${market.quote}`);
    const received = side === "buy" ? this.#quantity.value : total;
    const fee = received === null ? null : feeOf(market, received);
    say(byId("fee"), fee === null ? "—" : `${group(fee)} ${side === "buy" ? market.base : market.quote}`);
  }

  #drawSubmit(market: Market): void {
    const side = this.#side();
    this.#submit.className = this.#takesOrders && this.#desk.isIn() ? `submit ${side}` : "submit";
    this.#submit.disabled = this.#isPending || !this.#takesOrders;
    const verb = side === "buy" ? "Buy" : "Sell";
    if (!this.#takesOrders) say(this.#submit, "This market takes no orders");
    else say(this.#submit, this.#desk.isIn() ? `${verb} ${market.base}` : "Log in to trade");
  }

  async #place(): Promise<void> {
    const market = this.#market;
    if (market === null || this.#isPending || !this.#takesOrders) return;
    if (!this.#desk.isIn()) return this.#desk.logIn();
    if (this.#quantity.value.trim() === "") {
      this.#say("Say how much.", "bad");
      return this.#quantity.focus();
    }
    this.#isPending = true;
    this.#say("Placing the order …", "");
    draw(this.draw);
    try {
      this.#tell(await this.#desk.place(this.#request(market)), market);
    } catch (error) {
      this.#say(wordsOf(error as FinalexError), "bad");
    }
    this.#isPending = false;
    draw(this.draw);
  }

  #request({ symbol }: Market): OrderRequest {
    const side = this.#side();
    const quantity = this.#quantity.value.trim();
    if (this.#value("type") === "market") return { symbol, side, type: "market", quantity };
    const price = this.#price.value.trim();
    const force = byId<HTMLSelectElement>("force").value;
    if (force === "post") return { symbol, side, type: "limit", quantity, price, postOnly: true };
    return { symbol, side, type: "limit", quantity, price, timeInForce: force as "GTC" | "IOC" | "FOK" };
  }

  #tell(order: Order, market: Market): void {
    const filled = `${cut(order.filled_quantity, market.lotDecimals)} ${market.base} at ${group(order.average_price)}`;
    const done = order.side === "buy" ? "Bought" : "Sold";
    if (order.status === "filled") this.#say(`${done} ${filled}.`, "good");
    else if (order.status === "new") this.#say("The order is in the book.", "good");
    else if (order.status === "partially_filled") this.#say(`${done} ${filled}; the rest is in the book.`, "good");
    else {
      const why = order.reason === undefined ? "" : ` (${order.reason})`;
      const some = Number(order.filled_quantity) > 0 ? `${done} ${filled}; the rest ` : "The order ";
      this.#say(`${some}${order.status}${why}.`, "bad");
    }
  }

  /** Take a share of what is available as the quantity. */
  #take(percent: number): void {
    const market = this.#market;
    if (market === null) return;
    const isBuy = this.#side() === "buy";
    const available = this.#desk.available(isBuy ? market.quote : market.base);
    this.#quantity.value = isBuy
      ? affordable(market, available, this.#priceNow(), percent)
      : share(market, available, percent);
    draw(this.draw);
  }

  #step(event: KeyboardEvent, input: HTMLInputElement): void {
    const direction = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (direction === undefined || this.#market === null) return;
    const { tick, lot, priceDecimals, lotDecimals } = this.#market;
    const [step, decimals] = input === this.#price ? ([tick, priceDecimals] as const) : ([lot, lotDecimals] as const);
    input.value = stepped(input.value, step, decimals, direction * (event.shiftKey ? 10 : 1));
    event.preventDefault();
    draw(this.draw);
  }

  /** The price that sums go by: the one written, or for a market order the best one of the other side. */
  #priceNow(): string {
    if (this.#value("type") === "limit") return this.#price.value.trim();
    return (this.#side() === "buy" ? this.#ticker?.ask : this.#ticker?.bid) || this.#ticker?.price || "";
  }

  #side(): Side {
    return this.#value("side") as Side;
  }

  #value(name: string): string {
    return (this.#form.elements.namedItem(name) as RadioNodeList).value;
  }

  #choose(name: string, value: string): void {
    (this.#form.elements.namedItem(name) as RadioNodeList).value = value;
  }

  #say(text: string, tone: "" | "good" | "bad"): void {
    const outcome = byId("outcome");
    outcome.textContent = text;
    outcome.className = `outcome ${tone}`;
  }
}
