/**
 * Traders with the JavaScript SDK, over an address behind which processes come and go. The argument is
 * `{client, accounts: [{user, token, url}], seed}`, `client` the address of the SDK. Each line on standard input is a
 * command, answered with a line of JSON: `go`, `rest` (answered when every outcome is known) and
 * `{"user": {told, book, balances}}`, what everybody is to have seen (answered with what everybody has, after a while at
 * most). What goes wrong is an unhandled rejection, which ends the process.
 */

import { createInterface } from "node:readline";

const SYMBOL = "BTC/USDT";
const DEPTH = 20;
const PAUSE_MS = 60;
const AGAIN_MS = 50;
const TELL_TIMEOUT_MS = 60_000;
const BACKOFF = { initialMs: 50, maxMs: 400 };
const CHANNELS = ["trades", "orders", "user_trades"];

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let state = 0;
/** A number from 0 to below 1 (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

const pick = (...choices) => choices[Math.floor(random() * choices.length)];

class Trader {
  #awake = false;
  #busy = false;
  #number = 0;
  #names = [];

  async open(connect, { user, token, url }) {
    this.user = user;
    this.client = await connect(url, { token: () => token, backoff: BACKOFF });
    this.#begin([]);
    const streams = {
      trades: this.client.trades(SYMBOL, { snapshot: 1000 }),
      orders: this.client.orders(),
      user_trades: this.client.userTrades({ snapshot: 1000 }),
    };
    for (const [channel, stream] of Object.entries(streams)) this.#collect(channel, stream);
    this.#keepBalances(this.client.account());
    this.book = this.client.book(SYMBOL, { depth: DEPTH });
    await Promise.all([this.book, ...Object.values(streams)].map((stream) => stream.ready()));
    this.#trade();
  }

  go() {
    this.#awake = true;
  }

  async rest() {
    this.#awake = false;
    while (this.#busy) await sleep(5);
  }

  async take(expected) {
    const ends = performance.now() + TELL_TIMEOUT_MS;
    while (!this.#has(expected) && performance.now() < ends) await sleep(10);
    const seen = this.seen;
    seen.book = this.#shownBook();
    this.#begin(seen.balances);
    return seen;
  }

  #begin(balances) {
    const told = Object.fromEntries(CHANNELS.map((channel) => [channel, []]));
    this.seen = { user: this.user, placed: {}, refused: {}, abandoned: [], canceled: [], told, balances, gaps: [] };
  }

  #has(expected) {
    const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);
    const isTold = CHANNELS.every((channel) => this.seen.told[channel].length >= expected.told[channel].length);
    return isTold && this.book.sequence >= expected.book.sequence && isSame(this.seen.balances, expected.balances);
  }

  #shownBook() {
    const { bids, asks, sequence } = this.book.view();
    return { bids, asks, sequence };
  }

  async #collect(channel, stream) {
    for await (const data of stream) this.seen.told[channel].push(data);
  }

  async #keepBalances(stream) {
    for await (const { balances } of stream) this.seen.balances = balances;
  }

  async #trade() {
    for (;;) {
      await sleep(random() * PAUSE_MS);
      if (!this.#awake) continue;
      this.#busy = true;
      await (this.#names.length > 0 && random() < 0.25 ? this.#cancel() : this.#place());
      this.#busy = false;
    }
  }

  async #place() {
    const clientOrderId = `${this.user}-${(this.#number += 1)}`;
    const price = String(45_000 + pick(-4, -3, -2, -1, 0, 1, 2, 3, 4));
    const order = { symbol: SYMBOL, side: pick("buy", "sell"), quantity: `0.00${pick(1, 2, 3)}`, price, clientOrderId };
    const timeInForce = pick("GTC", "GTC", "IOC");
    for (let isCertain = true; ; await sleep(AGAIN_MS)) {
      try {
        this.seen.placed[clientOrderId] = (await this.client.placeOrder({ ...order, timeInForce })).order_id;
        this.#names.push(clientOrderId);
        return;
      } catch (error) {
        if (error.name === "OutcomeUnknownError") isCertain = false;
        else if (error.reason === "exchange_unavailable") {
          if (isCertain && random() < 0.5) return void this.seen.abandoned.push(clientOrderId);
        } else if (error.name === "OrderRejectedError") return void (this.seen.refused[clientOrderId] = error.reason);
        else if (error.name === "UsageError") return void this.seen.abandoned.push(clientOrderId); // was never sent
        else throw error;
      }
    }
  }

  async #cancel() {
    const [clientOrderId] = this.#names.splice(Math.floor(random() * this.#names.length), 1);
    for (;;) {
      try {
        this.seen.canceled.push(...(await this.client.cancelOrder({ clientOrderId })));
        return;
      } catch (error) {
        if (error.code === "NOT_FOUND" || error.name === "CancelRejectedError") return;
        if (error.name !== "OutcomeUnknownError") throw error;
      }
    }
  }
}

const { client, accounts, seed } = JSON.parse(process.argv[2]);
const { connect } = await import(client);
state = seed;
const traders = accounts.map(() => new Trader());
await Promise.all(traders.map((trader, index) => trader.open(connect, accounts[index])));
console.log(JSON.stringify("opened"));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "go") traders.forEach((trader) => trader.go());
  else if (line === "rest") await Promise.all(traders.map((trader) => trader.rest()));
  const expected = line.startsWith("{") ? JSON.parse(line) : null;
  const seen = expected === null ? [] : await Promise.all(traders.map((each) => each.take(expected[each.user])));
  console.log(JSON.stringify(seen));
}
process.exit(0);
