/** What the market that is shown takes now: a badge beside its name, and a sentence in the order's form. */

import type { MarketStatus } from "../../clients/js/src/index.ts";
import { byId, say } from "./elements.ts";
import { draw } from "./frame.ts";
import { wordsOfStatus } from "./status-words.ts";

export class MarketStates {
  readonly #known = new Map<string, MarketStatus>();
  #symbol = "";

  /** Show another market. */
  show(symbol: string): void {
    this.#symbol = symbol;
    draw(this.#draw);
  }

  /** Take the newest status of a market: it holds until the next one. */
  take(status: MarketStatus): void {
    this.#known.set(status.symbol, status);
    if (status.symbol === this.#symbol) draw(this.#draw);
  }

  readonly #draw = (): void => {
    const status = this.#known.get(this.#symbol);
    const words = status === undefined ? null : wordsOfStatus(status);
    const badge = byId("market-state");
    const note = byId("market-note");
    badge.hidden = note.hidden = words === null;
    say(badge, words?.badge ?? "");
    say(note, words?.sentences ?? "");
    badge.title = words?.sentences ?? "";
    badge.setAttribute("aria-label", words === null ? "" : `${words.badge}: ${words.sentences}`);
  };
}
