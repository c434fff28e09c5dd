/** Arithmetic on decimal text with integers: money and amounts never become floats. */

const DECIMAL = /^\d{1,20}(\.\d{0,12})?$|^\.\d{1,12}$/;

/** Return how many decimals `text` has. */
export function decimalsOf(text: string): number {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** Return `text` in units of 10^-`decimals`, rounded down; `null` if it is no plain positive number. */
export function parseUnits(text: string, decimals: number): bigint | null {
  if (!DECIMAL.test(text)) return null;
  const [whole = "", part = ""] = text.split(".");
  return BigInt(whole + part.slice(0, decimals).padEnd(decimals, "0"));
}

/** Return units of 10^-`decimals` as text. */
export function formatUnits(units: bigint | number, decimals: number): string {
  const digits = String(units).padStart(decimals + 1, "0");
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Return `text` with at most `decimals` decimals; what is left out is only zeros for numbers of a market. */
export function cut(text: string, decimals: number): string {
  const point = text.indexOf(".");
  if (point < 0 || text.length - point - 1 <= decimals) return text;
  return text.slice(0, decimals === 0 ? point : point + 1 + decimals);
}

/** Return `text` with its thousands set apart. */
export function group(text: string): string {
  const point = text.indexOf(".");
  const end = point < 0 ? text.length : point;
  if (end <= 3) return text;
  return text.slice(0, end).replace(/\B(?=(\d{3})+$)/g, ",") + text.slice(end);
}

/** Return a large amount in few digits: `12.3M`. */
export function brief(text: string): string {
  const value = Number(text);
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)}B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`;
  if (value >= 1e5) return `${(value / 1e3).toFixed(1)}K`;
  return group(value.toFixed(value >= 100 ? 0 : 2));
}
