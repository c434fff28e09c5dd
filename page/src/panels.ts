/** Which panel a small screen shows, and where the search for a market opens. */

import { byId } from "./elements.ts";

const SMALL = matchMedia("(max-width: 760px)");

/** Let the panels be chosen. */
export function listenToPanels(): void {
  byId("tabs").addEventListener("click", (event) => {
    const name = (event.target as HTMLElement).closest("button")?.dataset["tab"];
    if (name !== undefined) showPanel(name);
  });
}

/** Show a panel on a small screen; a large one shows all. */
export function showPanel(name: string): void {
  byId("desk").dataset["tab"] = name;
  for (const button of byId("tabs").children) {
    if ((button as HTMLElement).dataset["tab"] === name) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** Bring the list of markets in sight. */
export function showMarkets(): void {
  if (SMALL.matches) showPanel("markets");
  else byId("desk").classList.add("finding");
}

/** Put the list of markets away again, where it covers something. */
export function hideMarkets(): void {
  byId("desk").classList.remove("finding");
  if (byId("desk").dataset["tab"] === "markets") showPanel("chart");
}
