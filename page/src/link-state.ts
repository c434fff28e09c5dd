/** How the connection is, always in sight. */

import type { ConnectionState, ConnectionStatus } from "../../clients/js/src/index.ts";
import { byId, say } from "./elements.ts";
import { take } from "./rate.ts";
import { timeText } from "./times.ts";

const SECOND_MS = 1000;

export class LinkState {
  readonly #state: () => ConnectionState | null;

  /** `state` tells how the connection is; it is looked at every second too, for the countdown. */
  constructor(state: () => ConnectionState | null) {
    this.#state = state;
    setInterval(() => this.#tick(), SECOND_MS);
  }

  /** Show it as it is now. */
  readonly draw = (): void => {
    const state = this.#state();
    if (state === null) return;
    byId("link-state").dataset["state"] = state.status;
    say(byId("link-text"), wordOf(state));
    say(byId("latency"), latencyOf(state));
    const trouble = troubleOf(state);
    byId("banner").hidden = trouble === null;
    if (trouble !== null) say(byId("banner-text"), trouble);
    byId("retry").hidden = state.status === "connected";
  };

  #tick(): void {
    say(byId("clock"), `${timeText(Date.now())} UTC`);
    say(byId("rate"), `${take()} messages/s`);
    this.draw();
  }
}

const WORDS: Record<ConnectionStatus, string> = {
  connecting: "Connecting",
  connected: "Live",
  waiting: "Reconnecting",
  closed: "Offline",
};

function wordOf({ status, lagging }: ConnectionState): string {
  return status === "connected" && lagging ? "Slow" : WORDS[status];
}

function latencyOf({ status, latencyMs }: ConnectionState): string {
  return status !== "connected" || latencyMs === null ? "" : `${Math.max(1, Math.round(latencyMs))} ms`;
}

function troubleOf({ status, attempts, retryInMs, lagging, error }: ConnectionState): string | null {
  if (status === "closed") return `Offline: ${error?.message ?? "the connection was closed"}`;
  if (status === "waiting") {
    return `No connection: prices and orders are as they last were. Next attempt in ${Math.ceil((retryInMs ?? 0) / SECOND_MS)} s.`;
  }
  if (status === "connecting" && attempts > 0) return "No connection: prices and orders are as they last were. Connecting …";
  return lagging ? "This connection is too slow for all updates: some are left out." : null;
}
