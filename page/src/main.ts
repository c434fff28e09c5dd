/** Starts the page. */

import { listenToTabs } from "./account.ts";
import { App } from "./app.ts";
import { byId } from "./elements.ts";
import { facts } from "./facts.ts";
import { listenToKeys } from "./keys.ts";
import { hideMarkets, listenToPanels, showMarkets, showPanel } from "./panels.ts";
import { symbolInAddress } from "./place.ts";
import { toggleTheme } from "./theme.ts";

const app = new App(facts);

function search(): void {
  showMarkets();
  app.list.focus();
}

function order(side: "buy" | "sell"): void {
  showPanel("ticket");
  app.ticket.focus(side);
}

function help(): void {
  byId<HTMLDialogElement>("help-dialog").showModal();
}

listenToTabs();
listenToPanels();
listenToKeys([
  { key: "/", meaning: "Search a market", action: search },
  { key: "j", meaning: "Next market", action: () => app.step(1) },
  { key: "k", meaning: "Previous market", action: () => app.step(-1) },
  { key: ".", meaning: "Longer candles", action: () => app.intervals.step(1) },
  { key: ",", meaning: "Shorter candles", action: () => app.intervals.step(-1) },
  { key: "f", meaning: "Show the newest candles", action: () => app.chart.fit() },
  { key: "b", meaning: "Write a buy order", action: () => order("buy") },
  { key: "s", meaning: "Write a sell order", action: () => order("sell") },
  { key: "t", meaning: "Dark or light", action: toggleTheme },
  { key: "l", meaning: "Log in or out", action: () => app.toggleLogin() },
  { key: "?", meaning: "This help", action: help },
]);
byId("pick").addEventListener("click", search);
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideMarkets();
});
byId("theme").addEventListener("click", toggleTheme);
byId("help").addEventListener("click", help);
byId("login").addEventListener("click", () => app.toggleLogin());
byId("login-account").addEventListener("click", () => app.toggleLogin());
byId("fit").addEventListener("click", () => app.chart.fit());
byId("cancel-all").addEventListener("click", () => void app.account.cancelAll());
for (const id of ["retry", "link-state"]) byId(id).addEventListener("click", () => app.connect());
addEventListener("hashchange", () => app.choose(symbolInAddress()));
byId("version").textContent = facts.version;
app.start();
