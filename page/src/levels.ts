/** Price levels put together in steps, for the ladder and the depth chart. */

import type { Level, Side } from "../../clients/js/src/index.ts";

/** A row: price, quantity and the sum from the best price on, in the units of the wire's decimals. */
export interface Row {
  price: number;
  quantity: number;
  total: number;
}

/** Return decimal text of a fixed number of decimals as an integer: exact below 2^53, which no book reaches. */
export function unitsOf(text: string): number {
  return Number(text.replace(".", ""));
}

/** Return at most `count` rows of `step` price units each, best first; bids are rounded down, asks up. */
export function rowsOf(levels: readonly Level[], side: Side, step: number, count: number): Row[] {
  const rows: Row[] = [];
  let total = 0;
  for (const [priceText, quantityText] of levels) {
    const steps = unitsOf(priceText) / step;
    const price = (side === "buy" ? Math.floor(steps) : Math.ceil(steps)) * step;
    const quantity = unitsOf(quantityText);
    const last = rows.at(-1);
    if (last?.price !== price && rows.length === count) break;
    total += quantity;
    if (last?.price === price) {
      last.quantity += quantity;
      last.total = total;
    } else rows.push({ price, quantity, total });
  }
  return rows;
}
