/** The open orders of the account, and notes about what becomes of them. */

import type { Order } from "../../clients/js/src/index.ts";
import { cut, group } from "./decimals.ts";
import { byId, make, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { KeyedRows } from "./keyed-rows.ts";
import { dateText } from "./times.ts";
import { toast } from "./toasts.ts";

const OPEN: ReadonlySet<string> = new Set(["new", "partially_filled"]);

/** The server allows 500 of an account unless it is configured otherwise. */
const SHOWN_MAX = 500;

export class Orders {
  readonly #markets: ReadonlyMap<string, Market>;
  readonly #rows: KeyedRows<Order>;
  readonly #onCancel: (order: Order) => Promise<void>;
  readonly #onChange: () => void;
  #open = new Map<string, Order>();

  /** `onCancel` carries out a cancel; `onChange` is called in the frame in which a change is drawn. */
  constructor(markets: ReadonlyMap<string, Market>, onCancel: (order: Order) => Promise<void>, onChange: () => void) {
    this.#markets = markets;
    this.#onCancel = onCancel;
    this.#onChange = onChange;
    this.#rows = new KeyedRows<Order>(byId("order-rows"), (order) => this.#row(order), (row, order) => this.#write(row, order));
  }

  /** Forget the account, or what was known before messages were missed. */
  clear(): void {
    this.#open = new Map();
    draw(this.#draw);
  }

  /** Take an order as it is now. */
  take(order: Order): void {
    const before = this.#open.get(order.order_id);
    if (OPEN.has(order.status)) this.#open.set(order.order_id, order);
    else this.#open.delete(order.order_id);
    if (before !== undefined) this.#tell(before, order);
    draw(this.#draw);
  }

  /** Return the open orders of a market, oldest first. */
  of(symbol: string): Order[] {
    return [...this.#open.values()].filter((order) => order.symbol === symbol);
  }

  readonly #draw = (): void => {
    this.#rows.show(new Map([...this.#open].reverse().slice(0, SHOWN_MAX)));
    say(byId("orders-count"), this.#open.size > 0 ? String(this.#open.size) : "");
    byId("no-orders").hidden = this.#open.size > 0;
    byId("cancel-all").hidden = this.#open.size === 0;
    this.#onChange();
  };

  #tell(before: Order, order: Order): void {
    const { symbol, side, status } = order;
    const what = `${side === "buy" ? "Buy" : "Sell"} order ${symbol}`;
    if (order.filled_quantity !== before.filled_quantity) {
      const filled = `${this.#quantity(order.filled_quantity, symbol)} of ${this.#quantity(order.quantity, symbol)}`;
      toast(`${what}: ${status === "filled" ? "filled" : `${filled} filled`} at ${group(order.average_price)}`, side);
    } else if (status === "canceled" || status === "expired") {
      toast(`${what} ${status}${order.reason === undefined ? "" : `: ${order.reason.replaceAll("_", " ")}`}`);
    }
  }

  #quantity(text: string, symbol: string): string {
    return group(cut(text, this.#markets.get(symbol)?.lotDecimals ?? 8));
  }

  #row(order: Order): HTMLElement {
    const cancel = make("button", "quiet danger", "Cancel");
    const { side, symbol } = order;
    cancel.type = "button";
    cancel.setAttribute("aria-label", `Cancel: ${side} ${this.#quantity(order.quantity, symbol)} ${symbol} at ${order.price}`);
    cancel.addEventListener("click", () => {
      cancel.disabled = true;
      void this.#onCancel(order).finally(() => (cancel.disabled = false));
    });
    return make(
      "tr",
      "",
      make("td", "soft", dateText(order.created_at)),
      make("td", "", symbol),
      make("td", side === "buy" ? "up" : "down", side === "buy" ? "Buy" : "Sell"),
      make("td", "soft", kindOf(order)),
      make("td", "n", group(order.price)),
      make("td", "n", this.#quantity(order.quantity, symbol)),
      make("td", "n"),
      make("td", "n", cancel),
    );
  }

  #write(row: HTMLElement, order: Order): void {
    say(row.children[6]!, this.#quantity(order.filled_quantity, order.symbol));
  }
}

function kindOf({ type, post_only, time_in_force }: Order): string {
  const name = type === "limit" ? "Limit" : "Market";
  if (post_only) return `${name}, post only`;
  return time_in_force === "GTC" ? name : `${name}, ${time_in_force}`;
}
