import assert from "node:assert/strict";
import { test } from "node:test";

import { Buffer } from "../src/buffer.ts";
import { OrderBook } from "../src/orderbook.ts";

const UPDATE = { symbol: "A/B", depth: 5, timestamp: 2, quantity: "3" };

function filled() {
  const book = new OrderBook("A/B");
  const bids = [["100.00", "1"], ["99.50", "1"]];
  book.reset({ symbol: "A/B", depth: 5, bids, asks: [["100.50", "1"]], timestamp: 1, sequence: 7 });
  return book;
}

test("a book keeps its levels in order, whatever the number of digits", () => {
  const book = filled();
  const steps = [
    ["buy", "9.00", "add"],
    ["buy", "99.75", "add"],
    ["buy", "100.00", "update"],
    ["buy", "99.50", "delete"],
    ["sell", "99.99", "add"],
    ["sell", "1000.00", "add"],
  ];
  steps.forEach(([side, price, action], index) => {
    assert.ok(book.apply({ ...UPDATE, side, price, action, sequence: 8 + index }));
  });
  assert.deepEqual(book.bids, [["100.00", "3"], ["99.75", "3"], ["9.00", "3"]]);
  assert.deepEqual(book.asks, [["99.99", "3"], ["100.50", "1"], ["1000.00", "3"]]);
});

test("a book takes no update but the next one", () => {
  for (const sequence of [6, 7, 9]) {
    const book = filled();
    assert.equal(book.apply({ ...UPDATE, side: "buy", price: "1.00", action: "add", sequence }), false);
    assert.deepEqual([book.sequence, book.bids.length], [7, 2]);
  }
});

test("a buffer drops the oldest and counts it", () => {
  const buffer = new Buffer({ policy: "dropOldest", limit: 3 });
  for (let item = 0; item < 5000; item += 1) buffer.push(item);
  assert.equal(buffer.dropped, 4997);
  assert.deepEqual([buffer.shift(), buffer.shift(), buffer.shift(), buffer.shift()], [4997, 4998, 4999, undefined]);
});

test("a buffer keeps the latest only and counts the others", () => {
  const buffer = new Buffer({ policy: "latestOnly" });
  for (const item of [1, 2, 3]) buffer.push(item);
  assert.deepEqual([buffer.dropped, buffer.shift(), buffer.length], [2, 3, 0]);
});

test("a buffer that may drop nothing says that it is full", () => {
  const buffer = new Buffer({ policy: "unbounded", limit: 2 });
  buffer.push(1);
  buffer.push(2);
  assert.throws(() => buffer.push(3), { name: "BufferOverflowError" });
  assert.deepEqual([buffer.dropped, buffer.shift(), buffer.shift()], [0, 1, 2]);
});

test("a buffer without room makes no sense", () => {
  assert.throws(() => new Buffer({ policy: "dropOldest", limit: 0 }), RangeError);
});

test("a buffer gives everything in order, however it is filled and emptied", () => {
  const buffer = new Buffer();
  const seen = [];
  for (let item = 0; item < 10_000; item += 1) {
    buffer.push(item);
    if (item % 3 > 0) seen.push(buffer.shift());
  }
  while (buffer.length > 0) seen.push(buffer.shift());
  assert.deepEqual(seen, [...Array(10_000).keys()]);
});
