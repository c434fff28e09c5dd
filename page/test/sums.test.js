import assert from "node:assert/strict";
import { test } from "node:test";
import { affordable, feeOf, share, stepped, totalOf } from "../src/sums.ts";

const MARKET = { symbol: "BTC/USDT", tick: "0.01", lot: "0.00001000", priceDecimals: 2, quantityDecimals: 8, lotDecimals: 5, takerFeePpm: 1000 };

test("a total is exact", () => {
  assert.equal(totalOf(MARKET, "45678.91", "0.1"), "4567.89100000");
  assert.equal(totalOf(MARKET, "45678.91", ""), null);
});

test("a fee is rounded up, as the exchange does", () => {
  assert.equal(feeOf(MARKET, "1"), "0.00100000");
  assert.equal(feeOf(MARKET, "0.00000001"), "0.00000001");
});

test("what is affordable is whole lots and never costs more than there is", () => {
  assert.equal(affordable(MARKET, "100000.00000000", "30000", 100), "3.33333");
  assert.equal(affordable(MARKET, "100000.00000000", "30000", 50), "1.66666");
  assert.equal(affordable(MARKET, "100000.00000000", "", 100), "");
  assert.equal(share(MARKET, "2.00000900", 100), "2.00000");
});

test("lots that are no power of ten are kept", () => {
  assert.equal(share({ ...MARKET, lot: "0.50000000", lotDecimals: 1 }, "1.90000000", 100), "1.5");
});

test("steps land on the grid and stop at zero", () => {
  assert.equal(stepped("45000.00", "0.01", 2, 10), "45000.10");
  assert.equal(stepped("0.00003", "0.00001", 5, -10), "0.00000");
  assert.equal(stepped("", "0.00001", 5, 1), "0.00001");
});
