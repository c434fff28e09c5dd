/** What the server says is wrong, for people. */

import { CancelRejectedError, OrderRejectedError, ServerError } from "../../clients/js/src/index.ts";
import type { FinalexError } from "../../clients/js/src/index.ts";
import { facts } from "./facts.ts";

/** Return the reference's sentence for a refused order or cancel, else the server's own, with the server's word for it. */
export function wordsOf(error: FinalexError): string {
  if (error instanceof OrderRejectedError || error instanceof CancelRejectedError) {
    return `${sentence(facts.rejections[error.reason ?? ""] ?? error.details)} (${error.reason ?? error.code})`;
  }
  return error instanceof ServerError ? `${sentence(error.details)} (${error.code})` : sentence(error.message);
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
