import assert from "node:assert/strict";
import { test } from "node:test";
import { CANDLES_KEPT, CANDLES_MAX, Candles } from "../src/candles.ts";

const kline = (minute, close = "1.0") => ({ open_time: minute * 60_000, open: "1.0", high: "2.0", low: "0.5", close, volume: "3" });

test("the first drawing is everything, later ones only what is new", () => {
  const candles = new Candles();
  for (const minute of [1, 2, 3]) candles.take(kline(minute));
  assert.deepEqual([candles.draw().isAll, candles.draw().candles.length], [true, 0]);
  candles.take(kline(3, "1.5"));
  candles.take(kline(4));
  const { candles: news, isAll } = candles.draw();
  assert.equal(isAll, false);
  assert.deepEqual(news.map(({ time, close }) => [time, close]), [[180, 1.5], [240, 1]]);
});

test("a candle that is older than the last one is left out", () => {
  const candles = new Candles();
  candles.take(kline(2));
  candles.take(kline(1));
  assert.equal(candles.length, 1);
});

test("there are never more than the limit, and then all are drawn anew", () => {
  const candles = new Candles();
  for (let minute = 0; minute < CANDLES_MAX; minute += 1) candles.take(kline(minute));
  candles.draw();
  candles.take(kline(CANDLES_MAX));
  assert.equal(candles.length, CANDLES_KEPT);
  assert.deepEqual([candles.draw().isAll, candles.last.time], [true, CANDLES_MAX * 60]);
});

test("a candle is found by its time", () => {
  const candles = new Candles();
  for (const minute of [1, 2, 5]) candles.take(kline(minute));
  assert.equal(candles.at(120).time, 120);
  assert.equal(candles.at(180), undefined);
});
