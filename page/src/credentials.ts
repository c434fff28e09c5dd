/** Credentials as a person pastes them. */

import type { ClientOptions } from "../../clients/js/src/index.ts";

/** Return the client's option for `text`: a token has two dots, an API key has none. */
export function credentialOptions(text: string): Pick<ClientOptions, "token" | "apiKey"> {
  return text.split(".").length === 3 ? { token: text } : { apiKey: text };
}

/** Return whose credentials they are, for show only: the server alone can tell whether that is true. */
export function nameOf(text: string): string {
  const payload = text.split(".")[1];
  if (payload === undefined) return "API key";
  try {
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" ? sub : "token";
  } catch {
    return "token";
  }
}
