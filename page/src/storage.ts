/** What a browser keeps: credentials for the tab at most, choices of the page for longer. Either may be forbidden. */

const CREDENTIALS = "finalex.credentials";

function attempt<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/** Return the credentials of this tab. */
export function keptCredentials(): string | null {
  return attempt(() => sessionStorage.getItem(CREDENTIALS), null);
}

/** Keep the credentials for this tab, or forget them. */
export function keepCredentials(text: string | null): void {
  attempt(() => (text === null ? sessionStorage.removeItem(CREDENTIALS) : sessionStorage.setItem(CREDENTIALS, text)), undefined);
}

/** Return a choice that was made on this page before. */
export function kept(name: "theme" | "interval"): string | null {
  return attempt(() => localStorage.getItem(`finalex.${name}`), null);
}

/** Keep a choice. */
export function keep(name: "theme" | "interval", value: string): void {
  attempt(() => localStorage.setItem(`finalex.${name}`, value), undefined);
}
