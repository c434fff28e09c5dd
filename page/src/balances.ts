/** The balances of the account. */

import type { Account, Balance } from "../../clients/js/src/index.ts";
import { group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";
import { draw } from "./frame.ts";
import { KeyedRows } from "./keyed-rows.ts";

export class Balances {
  readonly #rows = new KeyedRows<Balance>(byId("balance-rows"), newRow, write);
  readonly #onChange: () => void;
  #balances = new Map<string, Balance>();

  /** `onChange` is called in the frame in which a change is drawn. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Forget the account. */
  clear(): void {
    this.#balances = new Map();
    draw(this.#draw);
  }

  take(account: Account): void {
    this.#balances = new Map(account.balances.map((balance) => [balance.currency, balance]));
    draw(this.#draw);
  }

  /** Return what can be spent of a currency, as the wire writes it. */
  available(currency: string): string {
    return this.#balances.get(currency)?.available ?? "0";
  }

  readonly #draw = (): void => {
    this.#rows.show(this.#balances);
    byId("no-balances").hidden = this.#balances.size > 0;
    this.#onChange();
  };
}

function newRow(): HTMLElement {
  return make("tr", "", make("td"), make("td", "n"), make("td", "n"), make("td", "n"));
}

function write(row: HTMLElement, { currency, available, locked, total }: Balance): void {
  const texts = [currency, group(available), group(locked), group(total)];
  texts.forEach((text, index) => say(row.children[index]!, text));
}
