/** The candles of one market and interval, bounded, and which of them are not drawn yet. */

import type { Kline } from "../../clients/js/src/index.ts";

/** To draw more new candles than these one by one costs more than to draw all at once. */
const NEWS_MAX = 20;

export interface Candle {
  /** When it begins, in seconds since 1970 (UTC). */
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
  /** The same as text, for people. */
  kline: Kline;
}

/** With so many candles the oldest are let go, down to `CANDLES_KEPT`. */
export const CANDLES_MAX = 3000;
export const CANDLES_KEPT = 2000;

export class Candles {
  #all: Candle[] = [];
  /** The first candle that is not drawn as it is now. */
  #news = 0;

  get last(): Candle | undefined {
    return this.#all.at(-1);
  }

  get length(): number {
    return this.#all.length;
  }

  clear(): void {
    this.#all = [];
    this.#news = 0;
  }

  /** Take a candle: a new one, or the last one as it is now. One that is older than the last is left out. */
  take(kline: Kline): void {
    const candle = toCandle(kline);
    const last = this.last;
    if (last !== undefined && candle.time < last.time) return;
    if (last?.time === candle.time) this.#all.pop();
    this.#all.push(candle);
    this.#news = Math.min(this.#news, this.#all.length - 1);
    if (this.#all.length <= CANDLES_MAX) return;
    this.#all = this.#all.slice(-CANDLES_KEPT);
    this.#news = 0;
  }

  /** Return the candle that begins at `time`, in seconds. */
  at(time: number): Candle | undefined {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#all[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    return this.#all[low]?.time === time ? this.#all[low] : undefined;
  }

  /** Have everything drawn again. */
  redraw(): void {
    this.#news = 0;
  }

  /** Return what has to be drawn, and whether that is everything; it counts as drawn from now on. */
  draw(): { candles: readonly Candle[]; isAll: boolean } {
    const from = this.#all.length - this.#news > NEWS_MAX ? 0 : this.#news;
    this.#news = this.#all.length;
    return { candles: from === 0 ? this.#all : this.#all.slice(from), isAll: from === 0 };
  }
}

/** Drawing takes floats; the text stays with the candle. */
function toCandle(kline: Kline): Candle {
  return {
    time: kline.open_time / 1000,
    open: Number(kline.open),
    high: Number(kline.high),
    low: Number(kline.low),
    close: Number(kline.close),
    volume: Number(kline.volume),
    kline,
  };
}
