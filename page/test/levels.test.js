import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "../src/levels.ts";

const BIDS = [["100.09", "1.0"], ["100.01", "2.0"], ["99.95", "4.0"]];
const ASKS = [["100.11", "1.0"], ["100.20", "2.0"], ["100.21", "4.0"]];

test("every level is a row, summed from the best price on", () => {
  assert.deepEqual(rowsOf(BIDS, "buy", 1, 10), [
    { price: 10009, quantity: 10, total: 10 },
    { price: 10001, quantity: 20, total: 30 },
    { price: 9995, quantity: 40, total: 70 },
  ]);
});

test("a step rounds away from the other side, so that a rounded book never crosses", () => {
  assert.deepEqual(rowsOf(BIDS, "buy", 10, 10).map(({ price, quantity }) => [price, quantity]), [[10000, 30], [9990, 40]]);
  assert.deepEqual(rowsOf(ASKS, "sell", 10, 10).map(({ price, quantity }) => [price, quantity]), [[10020, 30], [10030, 40]]);
});

test("the last row is whole although there is no room for the next one", () => {
  assert.deepEqual(rowsOf(BIDS, "buy", 10, 1), [{ price: 10000, quantity: 30, total: 30 }]);
});
