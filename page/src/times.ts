/** Times as the page shows them: UTC, like the candles. */

/** Return the time of day. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** Return month, day and time of day. */
export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(5, 19).replace("T", " ");
}
