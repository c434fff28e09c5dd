/** The account: its views, and the streams that fill them. */

import type { Client, FinalexError, Order, Stream } from "../../clients/js/src/index.ts";
import { ServerError } from "../../clients/js/src/index.ts";
import { Balances } from "./balances.ts";
import type { Market } from "./facts.ts";
import { FILLS_MAX, Fills } from "./fills.ts";
import { follow } from "./follow.ts";
import { Orders } from "./orders.ts";
import { wordsOf } from "./reasons.ts";
import { toast } from "./toasts.ts";

export class AccountFeed {
  readonly balances: Balances;
  readonly orders: Orders;
  readonly #fills: Fills;
  #client: Client | null = null;

  /** `onOrders` is called when the open orders have changed, `onBalances` when the balances have. */
  constructor(markets: ReadonlyMap<string, Market>, onOrders: () => void, onBalances: () => void) {
    this.balances = new Balances(onBalances);
    this.orders = new Orders(markets, (order) => this.#cancel(order), onOrders);
    this.#fills = new Fills(markets);
  }

  /** Follow the account that this client is logged in to; it ends with the client. */
  follow(client: Client): void {
    this.clear();
    this.#client = client;
    const orders = client.orders({ onGap: "continue" });
    const fills = client.userTrades({ snapshot: FILLS_MAX, onGap: "continue" });
    onGap(orders, () => this.orders.clear());
    onGap(fills, () => this.#fills.clear());
    void follow(client.account(), (account) => this.balances.take(account), tellRefusal);
    void follow(orders, (order) => this.orders.take(order));
    void follow(fills, (fill) => this.#fills.take(fill));
  }

  /** Forget the account. */
  clear(): void {
    this.#client = null;
    this.balances.clear();
    this.orders.clear();
    this.#fills.clear();
  }

  /** Cancel all open orders of all markets. */
  async cancelAll(): Promise<void> {
    await this.#client?.cancelAllOrders().catch(tell);
  }

  async #cancel(order: Order): Promise<void> {
    await this.#client?.cancelOrder({ orderId: order.order_id }).catch(tell);
  }
}

/** The end of a stream together with its connection is told elsewhere. */
function tellRefusal(error: FinalexError): void {
  if (error instanceof ServerError) tell(error);
}

function tell(error: FinalexError): void {
  toast(wordsOf(error), "bad");
}

/** What comes after a gap is the present state: what was known before may be over. */
function onGap<T>(stream: Stream<T>, called: () => void): void {
  let { gaps } = stream;
  stream.onStatus = () => {
    if (stream.gaps > gaps) called();
    gaps = stream.gaps;
  };
}
