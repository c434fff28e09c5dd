/** The order book as a ladder of prices. */

import type { LocalBook, Side } from "../../clients/js/src/index.ts";
import { brief, cut, decimalsOf, formatUnits, group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { rowsOf, unitsOf } from "./levels.ts";
import type { Row } from "./levels.ts";

const STEPS = [1, 10, 100, 1000];
const ROWS_MAX = 60;

interface Line {
  element: HTMLElement;
  cells: HTMLElement[];
  price: string;
}

export class Ladder {
  readonly #sides: Record<Side, { place: HTMLElement; lines: Line[] }> = {
    buy: { place: byId("bids"), lines: [] },
    sell: { place: byId("asks"), lines: [] },
  };
  readonly #choice = byId<HTMLSelectElement>("step");
  readonly #onPrice: (price: string) => void;
  #book: LocalBook | null = null;
  #market: Market | null = null;
  #own: Record<Side, Set<number>> = { buy: new Set(), sell: new Set() };
  #capacity = 0;

  /** `onPrice` is told the price that the person clicks on. */
  constructor(onPrice: (price: string) => void) {
    this.#onPrice = onPrice;
    this.#choice.addEventListener("change", () => draw(this.draw));
    new ResizeObserver(() => this.#resize()).observe(byId("ladder"));
  }

  /** Show the book of a market from now on. */
  show(market: Market, book: LocalBook): void {
    this.#market = market;
    this.#book = book;
    const options = STEPS.map((step) => {
      const text = formatUnits(unitsOf(market.tick) * step, market.priceDecimals);
      const option = make("option", "", text.includes(".") ? text.replace(/\.?0+$/, "") : text);
      option.value = String(unitsOf(market.tick) * step);
      return option;
    });
    this.#choice.replaceChildren(...options);
    say(byId("book-price"), `Price ${market.quote}`);
    say(byId("book-quantity"), `Quantity ${market.base}`);
    draw(this.draw);
  }

  /** Mark the prices of the person's own orders. */
  mark(own: Record<Side, readonly string[]>): void {
    this.#own = { buy: new Set(own.buy.map(unitsOf)), sell: new Set(own.sell.map(unitsOf)) };
    draw(this.draw);
  }

  /** Draw the book as it is now. */
  readonly draw = (): void => {
    const { buy, sell } = this.#sides;
    const step = Number(this.#choice.value) || 1;
    const bids = rowsOf(this.#book?.bids ?? [], "buy", step, this.#capacity);
    const asks = rowsOf(this.#book?.asks ?? [], "sell", step, this.#capacity);
    const largest = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0, 1);
    this.#drawSide(buy.lines, bids, largest, step, "buy");
    this.#drawSide(sell.lines, asks, largest, step, "sell");
    say(byId("spread"), this.#spread());
  };

  #spread(): string {
    const [bid] = this.#book?.bids[0] ?? [];
    const [ask] = this.#book?.asks[0] ?? [];
    if (bid === undefined || ask === undefined || this.#market === null) return "—";
    const spread = unitsOf(ask) - unitsOf(bid);
    const percent = (spread / unitsOf(ask)) * 100;
    return `${formatUnits(spread, this.#market.priceDecimals)} · ${percent.toFixed(3)}%`;
  }

  #drawSide(lines: Line[], rows: readonly Row[], largest: number, step: number, side: Side): void {
    const market = this.#market;
    if (market === null) return;
    const decimals = Math.min(market.priceDecimals, decimalsOf(this.#choice.selectedOptions[0]?.text ?? ""));
    lines.forEach((line, index) => {
      const row = rows[index];
      line.element.hidden = row === undefined;
      if (row === undefined) return;
      const [price, quantity, total] = line.cells as [HTMLElement, HTMLElement, HTMLElement];
      line.price = formatUnits(row.price, market.priceDecimals);
      say(price, group(cut(line.price, decimals)));
      say(quantity, quantityText(row.quantity, market));
      say(total, quantityText(row.total, market));
      line.element.style.setProperty("--share", (row.total / largest).toFixed(3));
      line.element.classList.toggle("own", this.#isOwn(side, row.price, step));
    });
  }

  #isOwn(side: Side, price: number, step: number): boolean {
    const own = this.#own[side];
    if (own.size === 0) return false;
    if (step === 1) return own.has(price);
    const round = side === "buy" ? Math.floor : Math.ceil;
    return [...own].some((each) => round(each / step) * step === price);
  }

  /** Have as many lines as there is room for. */
  #resize(): void {
    for (const [name, side] of Object.entries(this.#sides)) {
      if (side.lines.length === 0) this.#add(side, name === "sell");
      const height = side.lines[0]?.element.offsetHeight || 20;
      this.#capacity = Math.min(ROWS_MAX, Math.max(1, Math.floor(side.place.clientHeight / height)));
      while (side.lines.length < this.#capacity) this.#add(side, name === "sell");
      for (const { element } of side.lines.splice(this.#capacity)) element.remove();
    }
    draw(this.draw);
  }

  #add({ place, lines }: { place: HTMLElement; lines: Line[] }, isUpward: boolean): void {
    const cells = [make("span"), make("span"), make("span")];
    const line: Line = { element: make("li", "level three", ...cells), cells, price: "" };
    line.element.addEventListener("click", () => this.#onPrice(line.price));
    lines.push(line);
    if (isUpward) place.prepend(line.element);
    else place.append(line.element);
  }
}

/** Return a quantity of the wire's units as short as a column of the ladder needs it. */
export function quantityText(units: number, market: Market): string {
  const text = cut(formatUnits(units, market.quantityDecimals), market.lotDecimals);
  return text.length > 9 ? brief(text) : group(text);
}
