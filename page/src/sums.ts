/** What an order costs and how large it can be, in integers. */

import { formatUnits, parseUnits } from "./decimals.ts";
import type { Market } from "./facts.ts";

/** Decimals of an amount of money. */
const AMOUNT_DECIMALS = 8;

const MILLION = 1_000_000n;

/** Return price × quantity in the quote currency, or `null` while one of them is no number. */
export function totalOf(market: Market, price: string, quantity: string): string | null {
  const priceUnits = parseUnits(price, market.priceDecimals);
  const quantityUnits = parseUnits(quantity, market.quantityDecimals);
  if (priceUnits === null || quantityUnits === null) return null;
  return scaled(priceUnits * quantityUnits, market.priceDecimals + market.quantityDecimals);
}

/** Return the fee of `received`, an amount, for who takes; rounded up as the exchange does. */
export function feeOf(market: Market, received: string): string | null {
  const units = parseUnits(received, AMOUNT_DECIMALS);
  if (units === null) return null;
  return formatUnits((units * BigInt(market.takerFeePpm) + MILLION - 1n) / MILLION, AMOUNT_DECIMALS);
}

/** Return the largest quantity, in whole lots, that `percent` of `available` pays for at `price`. */
export function affordable(market: Market, available: string, price: string, percent: number): string {
  const amount = (parseUnits(available, AMOUNT_DECIMALS) ?? 0n) * BigInt(percent);
  const priceUnits = parseUnits(price, market.priceDecimals) ?? 0n;
  if (priceUnits === 0n) return "";
  const shift = 10n ** BigInt(market.priceDecimals + market.quantityDecimals);
  return inLots(market, (amount * shift) / (priceUnits * 100n * 10n ** BigInt(AMOUNT_DECIMALS)));
}

/** Return `percent` of `available`, an amount of the base currency, in whole lots. */
export function share(market: Market, available: string, percent: number): string {
  return inLots(market, ((parseUnits(available, market.quantityDecimals) ?? 0n) * BigInt(percent)) / 100n);
}

/** Return `text` moved by some steps of `step`, rounded to one, not below zero. */
export function stepped(text: string, step: string, decimals: number, steps: number): string {
  const units = parseUnits(step, decimals) ?? 1n;
  const moved = ((parseUnits(text, decimals) ?? 0n) / units + BigInt(steps)) * units;
  return formatUnits(moved < 0n ? 0n : moved, decimals);
}

function inLots(market: Market, units: bigint): string {
  const lot = parseUnits(market.lot, market.quantityDecimals) ?? 1n;
  const cut = 10n ** BigInt(market.quantityDecimals - market.lotDecimals);
  return formatUnits(((units / lot) * lot) / cut, market.lotDecimals);
}

function scaled(units: bigint, decimals: number): string {
  const surplus = decimals - AMOUNT_DECIMALS;
  const amount = surplus >= 0 ? units / 10n ** BigInt(surplus) : units * 10n ** BigInt(-surplus);
  return formatUnits(amount, AMOUNT_DECIMALS);
}
