/** How many messages come in a second. */

let counted = 0;

/** Count a message. */
export function count(): void {
  counted += 1;
}

/** Return how many were counted since the last call. */
export function take(): number {
  const number = counted;
  counted = 0;
  return number;
}
