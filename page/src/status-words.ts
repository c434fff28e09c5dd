/** What the status of a market means, for people. */

import type { MarketStatus } from "../../clients/js/src/index.ts";

export interface StatusWords {
  /** At most two words. */
  badge: string;
  /** What the market takes, then the operator's reason if there is one. */
  sentences: string;
}

const STATES: Record<Exclude<MarketStatus["state"], "open">, StatusWords> = {
  halted: { badge: "Halted", sentences: "No orders are taken, and none are canceled." },
  cancel_only: { badge: "Cancel only", sentences: "No new orders are taken; open ones can be canceled." },
  post_only: { badge: "Post only", sentences: "Only orders that add to the book are taken." },
};

const WITHDRAWN: StatusWords = { badge: "Book withdrawn", sentences: "The market has lost its source." };

/** Return the words for a market that is not open, or whose book is withdrawn; `null` for any other. */
export function wordsOfStatus({ state, book, reason }: MarketStatus): StatusWords | null {
  const found = state === "open" ? [] : [STATES[state]];
  if (book === "withdrawn") found.push(WITHDRAWN);
  const [first] = found;
  if (first === undefined) return null;
  const sentences = found.map((each) => each.sentences);
  if (state !== "open" && reason !== undefined) sentences.push(`The exchange says: ${reason}`);
  return { badge: first.badge, sentences: sentences.join(" ") };
}
