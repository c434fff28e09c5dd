/** The time that everything here goes by. */

let lastMs = 0;
let offsetMs = 0;

/** Return the wall's time, which also passes while a machine sleeps, but never goes back. */
export function now(): number {
  offsetMs = Math.max(offsetMs, lastMs - Date.now());
  lastMs = Math.max(lastMs, Date.now() + offsetMs);
  return lastMs;
}
