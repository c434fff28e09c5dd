/** The panel of the account: its tabs, and what it says to who is not logged in. */

import { byId } from "./elements.ts";

const TABS = ["orders", "fills", "balances"] as const;

/** Let the tabs be chosen by click and arrow keys. */
export function listenToTabs(): void {
  TABS.forEach((name, index) => {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => choose(name));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[event.key];
      if (step === undefined) return;
      const next = TABS[(index + step) % TABS.length]!;
      choose(next);
      byId(`tab-${next}`).focus();
      event.preventDefault();
    });
  });
}

/** Show the account to its owner, and to nobody else. */
export function showAccount(name: string | null): void {
  byId("closed").hidden = name !== null;
  for (const tab of TABS) byId(`tab-${tab}`).toggleAttribute("disabled", name === null);
  byId("user").textContent = name === null ? "Not logged in" : `Logged in as ${name}`;
  const button = byId("login");
  button.textContent = name === null ? "Log in" : "Log out";
  button.classList.toggle("in", name !== null);
  button.title = name === null ? "Log in with a token (l)" : `Log out ${name} (l)`;
}

function choose(chosen: string): void {
  for (const name of TABS) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === chosen));
    tab.tabIndex = name === chosen ? 0 : -1;
    byId(name).hidden = name !== chosen;
  }
}
