/** Keys of the page: none of them works while something is typed or a dialog is open. */

import { byId, make } from "./elements.ts";

export interface Key {
  /** As in `KeyboardEvent.key`. */
  key: string;
  meaning: string;
  action: () => void;
}

/** Listen to these keys, and list them in the help. */
export function listenToKeys(keys: readonly Key[]): void {
  const actions = new Map(keys.map(({ key, action }) => [key, action]));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isBusy(event.target)) return;
    const action = actions.get(event.key);
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
  byId("keys").replaceChildren(
    ...keys.map(({ key, meaning }) => make("div", "", make("dt", "", meaning), make("dd", "", make("kbd", "", key)))),
  );
}

function isBusy(target: EventTarget | null): boolean {
  if (document.querySelector("dialog[open]") !== null) return true;
  if (target instanceof HTMLInputElement) return target.type !== "radio";
  return target instanceof HTMLSelectElement;
}
