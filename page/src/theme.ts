/** Dark or light: the system's choice until the person makes one. */

import { keep, kept } from "./storage.ts";

const root = document.documentElement;
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const listeners: (() => void)[] = [];

function isDark(): boolean {
  return root.dataset["theme"] === undefined ? systemIsDark.matches : root.dataset["theme"] === "dark";
}

/** Apply the choice made before, and tell `listener` of every change. */
export function onTheme(listener: () => void): void {
  listeners.push(listener);
}

/** Take the other theme. */
export function toggleTheme(): void {
  apply(isDark() ? "light" : "dark");
}

function apply(theme: string): void {
  root.dataset["theme"] = theme;
  keep("theme", theme);
  for (const listener of listeners) listener();
}

const chosen = kept("theme");
if (chosen === "dark" || chosen === "light") root.dataset["theme"] = chosen;
systemIsDark.addEventListener("change", () => listeners.forEach((listener) => listener()));
