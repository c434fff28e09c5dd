/** The list of markets with live prices, and the search in it. */

import type { Ticker } from "../../clients/js/src/index.ts";
import { group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";

interface Row {
  item: HTMLElement;
  button: HTMLButtonElement;
  price: HTMLElement;
  change: HTMLElement;
}

export class MarketList {
  readonly #rows = new Map<string, Row>();
  readonly #news = new Map<string, Ticker>();
  readonly #prices = new Map<string, string>();
  readonly #search = byId<HTMLInputElement>("search");
  readonly #onChoose: (symbol: string) => void;

  constructor(markets: readonly Market[], onChoose: (symbol: string) => void) {
    this.#onChoose = onChoose;
    for (const market of markets) this.#add(market);
    this.#search.addEventListener("input", () => this.#filter());
    this.#search.addEventListener("keydown", (event) => this.#searchKey(event));
    byId("market-list").addEventListener("keydown", (event) => this.#listKey(event));
  }

  /** Take the newest ticker of a market, drawn in the next frame. */
  take(ticker: Ticker): void {
    this.#news.set(ticker.symbol, ticker);
    draw(this.#draw);
  }

  /** Mark the market that is shown. */
  mark(symbol: string): void {
    for (const [each, { button }] of this.#rows) {
      if (each === symbol) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  /** Have the person type the name of a market. */
  focus(): void {
    this.#search.focus();
    this.#search.select();
  }

  /** Return the market before or after another one in the list. */
  neighbour(symbol: string, step: 1 | -1): string {
    const symbols = [...this.#rows.keys()];
    return symbols[(symbols.indexOf(symbol) + step + symbols.length) % symbols.length] ?? symbol;
  }

  #add({ symbol, base, quote }: Market): void {
    const price = make("span", "", "—");
    const change = make("span", "", "—");
    const name = make("span", "", make("b", "", base), make("i", "", `/${quote}`));
    const button = make("button", "market three", name, price, change);
    button.type = "button";
    button.addEventListener("click", () => this.#choose(symbol));
    const item = make("li", "", button);
    this.#rows.set(symbol, { item, button, price, change });
    byId("market-list").append(item);
  }

  #choose(symbol: string): void {
    this.#search.value = "";
    this.#filter();
    this.#onChoose(symbol);
  }

  #filter(): void {
    const wanted = this.#search.value.toUpperCase().replace(/[^A-Z0-9]/g, "");
    let found = 0;
    for (const [symbol, { item }] of this.#rows) {
      item.hidden = !symbol.replace("/", "").includes(wanted);
      if (!item.hidden) found += 1;
    }
    byId("no-market").hidden = found > 0;
  }

  #visible(): HTMLButtonElement[] {
    return [...this.#rows.values()].filter(({ item }) => !item.hidden).map(({ button }) => button);
  }

  #searchKey(event: KeyboardEvent): void {
    const [first] = this.#visible();
    if (event.key === "Enter") first?.click();
    else if (event.key === "ArrowDown") first?.focus();
    else if (event.key === "Escape") {
      this.#search.value = "";
      this.#filter();
      this.#search.blur();
      return;
    } else return;
    if (event.key === "Enter") this.#search.blur();
    event.preventDefault();
  }

  #listKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const buttons = this.#visible();
    const next = buttons.indexOf(document.activeElement as HTMLButtonElement) + step;
    if (next < 0) this.#search.focus();
    else buttons[next]?.focus();
    event.preventDefault();
  }

  readonly #draw = (): void => {
    for (const [symbol, ticker] of this.#news) {
      const row = this.#rows.get(symbol);
      if (row === undefined) continue;
      const before = this.#prices.get(symbol);
      say(row.price, group(ticker.price));
      if (before !== undefined && before !== ticker.price) {
        row.price.className = Number(ticker.price) > Number(before) ? "up" : "down";
      }
      this.#prices.set(symbol, ticker.price);
      say(row.change, percent(ticker.change_percent_24h));
      row.change.className = tone(ticker.change_percent_24h);
    }
    this.#news.clear();
  };
}

/** Return a change in percent with its sign. */
export function percent(text: string): string {
  return `${text.startsWith("-") || Number(text) === 0 ? "" : "+"}${text}%`;
}

/** Return the class for a change: up, down, or none. */
export function tone(text: string): string {
  if (Number(text) === 0) return "";
  return text.startsWith("-") ? "down" : "up";
}
