/** The dialog for credentials. They are kept for this tab at most, and never stand in an address. */

import type { FinalexError } from "../../clients/js/src/index.ts";
import { byId } from "./elements.ts";
import { wordsOf } from "./reasons.ts";

export class Login {
  readonly #dialog = byId<HTMLDialogElement>("login-dialog");
  readonly #input = byId<HTMLInputElement>("token");
  readonly #submit = byId<HTMLButtonElement>("login-submit");
  readonly #logIn: (credentials: string) => Promise<void>;

  /** `logIn` tries credentials, and rejects with the reason if they are refused. */
  constructor(logIn: (credentials: string) => Promise<void>) {
    this.#logIn = logIn;
    byId("login-cancel").addEventListener("click", () => this.#dialog.close());
    byId("login-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#attempt();
    });
    this.#dialog.addEventListener("close", () => (this.#input.value = ""));
  }

  /** Ask for credentials; `why` says what became of those before. */
  open(why = ""): void {
    byId("login-outcome").textContent = why;
    byId("login-outcome").className = why === "" ? "outcome" : "outcome bad";
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }

  async #attempt(): Promise<void> {
    const text = this.#input.value.trim();
    if (text === "") return this.open("Paste a token or an API key first.");
    this.#submit.disabled = true;
    try {
      await this.#logIn(text);
      this.#dialog.close();
    } catch (error) {
      this.open(wordsOf(error as FinalexError));
    }
    this.#submit.disabled = false;
  }
}
