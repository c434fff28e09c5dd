/** The market that is shown, in the page's address: `#BTC/USDT`. */

/** Return the symbol in the address. */
export function symbolInAddress(): string {
  return decodeURIComponent(location.hash.slice(1)).toUpperCase();
}

/** Put a symbol in the address, so that a reload or a bookmark shows it again. */
export function putInAddress(symbol: string): void {
  history.replaceState(null, "", `#${symbol}`);
}
