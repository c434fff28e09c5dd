/** The choice of a candle's length. */

import { byId, make } from "./elements.ts";
import { keep, kept } from "./storage.ts";

export const INTERVALS = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"] as const;

const WORDS: Record<string, string> = { m: "minute", h: "hour", d: "day", w: "week", M: "month" };

export class IntervalChoice {
  chosen: string;
  readonly #onChoose: (interval: string) => void;
  readonly #buttons = new Map<string, HTMLButtonElement>();

  constructor(onChoose: (interval: string) => void) {
    this.#onChoose = onChoose;
    this.chosen = INTERVALS.find((interval) => interval === kept("interval")) ?? "1m";
    for (const interval of INTERVALS) this.#add(interval);
    this.#mark();
    byId("intervals").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      this.step(step as 1 | -1);
      this.#buttons.get(this.chosen)?.focus();
      event.preventDefault();
    });
  }

  /** Choose the next longer or shorter interval, if there is one. */
  step(step: 1 | -1): void {
    const next = INTERVALS[INTERVALS.findIndex((interval) => interval === this.chosen) + step];
    if (next !== undefined) this.#choose(next);
  }

  #add(interval: string): void {
    const button = make("button", "", interval);
    const count = interval.slice(0, -1);
    button.type = "button";
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", `${count} ${WORDS[interval.slice(-1)]}${count === "1" ? "" : "s"}`);
    button.addEventListener("click", () => this.#choose(interval));
    this.#buttons.set(interval, button);
    byId("intervals").append(button);
  }

  #choose(interval: string): void {
    if (interval === this.chosen) return;
    this.chosen = interval;
    keep("interval", interval);
    this.#mark();
    this.#onChoose(interval);
  }

  #mark(): void {
    for (const [interval, button] of this.#buttons) {
      const isChosen = interval === this.chosen;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
      if (isChosen) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }
}
