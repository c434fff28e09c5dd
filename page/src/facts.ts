/** What the server writes into the page: its markets and whether it takes orders. */

import { decimalsOf } from "./decimals.ts";

interface MarketFacts {
  symbol: string;
  tick: string;
  lot: string;
  quantity_decimals: number;
  taker_fee_ppm: number;
}

export interface Market {
  symbol: string;
  base: string;
  quote: string;
  /** The smallest step of a price and of a quantity, as the wire writes them. */
  tick: string;
  lot: string;
  /** How many decimals a price has on the wire. */
  priceDecimals: number;
  /** How many decimals a quantity has on the wire, and how many of them can be other than zero. */
  quantityDecimals: number;
  lotDecimals: number;
  /** The fee of who takes, in parts per million of what is received. */
  takerFeePpm: number;
}

export interface Facts {
  version: string;
  trading: boolean;
  markets: Market[];
  /** What the reasons of refused orders mean. */
  rejections: Record<string, string>;
}

/** Read the facts of this page; throws if there are none, which is a fault of the server's. */
function readFacts(): Facts {
  const text = document.getElementById("facts")?.textContent ?? "";
  const facts = JSON.parse(text) as Omit<Facts, "markets"> & { markets: MarketFacts[] };
  return { ...facts, markets: facts.markets.map(market) };
}

function market({ symbol, tick, lot, quantity_decimals, taker_fee_ppm }: MarketFacts): Market {
  const [base = "", quote = ""] = symbol.split("/");
  const lotDecimals = decimalsOf(lot.includes(".") ? lot.replace(/0+$/, "") : lot);
  const decimals = { priceDecimals: decimalsOf(tick), quantityDecimals: quantity_decimals, lotDecimals };
  return { symbol, base, quote, tick, lot, ...decimals, takerFeePpm: taker_fee_ppm };
}

export const facts = readFacts();
