/** The best levels of an order book, kept by a snapshot and every update after it. */

import type { BookSnapshot, BookUpdate, Level } from "./messages.ts";

export class OrderBook {
  readonly symbol: string;
  /** Best first: the highest price. */
  bids: Level[] = [];
  /** Best first: the lowest price. */
  asks: Level[] = [];
  /** The number of the last update taken in; `null` before the first snapshot and after a hole. */
  sequence: number | null = null;
  /** When the book last changed, by the market's clock. */
  timestamp = 0;
  /** Whether the market has lost its source. */
  stale = false;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** Become what `data` says. */
  reset(data: BookSnapshot): void {
    this.bids = [...data.bids];
    this.asks = [...data.asks];
    this.sequence = data.sequence;
    this.timestamp = data.timestamp;
    this.stale = data.stale === true;
  }

  /** Take in an update; return `false`, and change nothing, if it is not the next one. */
  apply(data: BookUpdate): boolean {
    if (this.sequence === null || data.sequence !== this.sequence + 1) return false;
    this.#set(data.side === "buy" ? this.bids : this.asks, data.side === "buy" ? -1 : 1, data);
    this.sequence = data.sequence;
    this.timestamp = data.timestamp;
    return true;
  }

  #set(levels: Level[], direction: number, data: BookUpdate): void {
    const index = place(levels, data.price, direction);
    const found = levels[index]?.[0] === data.price ? 1 : 0;
    if (data.action === "delete") levels.splice(index, found);
    else levels.splice(index, found, [data.price, data.quantity]);
  }
}

/** Return where `price` is, or belongs, in levels whose prices grow in `direction`. */
function place(levels: readonly Level[], price: string, direction: number): number {
  let low = 0;
  let high = levels.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePrices(levels[middle]![0], price) * direction < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Compare two prices of one instrument, which have the same number of decimals: no float is needed. */
export function comparePrices(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
