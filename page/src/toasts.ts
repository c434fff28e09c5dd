/** Short notes that go away by themselves. */

import { byId, make } from "./elements.ts";

const SHOWN_MS = 6000;
const TOASTS_MAX = 4;

export type Tone = "buy" | "sell" | "bad" | "plain";

/** Show `text` for a while; the oldest note goes when there are too many. */
export function toast(text: string, tone: Tone = "plain"): void {
  const place = byId("toasts");
  const note = make("p", `toast ${tone}`, text);
  place.append(note);
  while (place.childElementCount > TOASTS_MAX) place.firstElementChild?.remove();
  setTimeout(() => note.remove(), SHOWN_MS);
}
