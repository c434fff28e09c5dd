/** The line over the chart that says one candle in figures. */

import type { Candle } from "./candles.ts";
import { brief, group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";

const PRICES = ["open", "high", "low", "close"] as const;

const symbolPart = make("b");
const priceParts = PRICES.map(() => make("span"));
const changePart = make("span");
const volumePart = make("span");
const names = PRICES.map((name, index) => make("span", "", `${name.charAt(0).toUpperCase()} `, priceParts[index]!));
byId("legend").append(symbolPart, ...names, changePart, volumePart);

/** Say this candle, or nothing. */
export function showCandle(symbol: string, candle: Candle | undefined): void {
  byId("legend").hidden = candle === undefined;
  if (candle === undefined) return;
  const { open, close, kline } = candle;
  const tone = close >= open ? "up" : "down";
  const change = open === 0 ? 0 : ((close - open) / open) * 100;
  say(symbolPart, symbol);
  PRICES.forEach((name, index) => say(priceParts[index]!, group(kline[name])));
  say(changePart, `${change >= 0 ? "+" : ""}${change.toFixed(2)}%`);
  say(volumePart, `Vol ${brief(kline.volume)}`);
  for (const part of [...priceParts, changePart]) part.className = tone;
}
