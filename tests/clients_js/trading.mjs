/**
 * Accounts that trade with each other, or somebody who only looks, over connections that break; in Node and in a page.
 * `start` takes `{client, url, users, seed}`, where `client` is the address of the bundle and who only looks has no
 * token. What goes wrong is an unhandled rejection, which ends Node and which a page reports.
 */

const SYMBOL = "BTC/USDT";
const SAMPLES_MAX = 3000;

let state = 0;
/** A number from 0 to below 1 (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

const pick = (...choices) => choices[Math.floor(random() * choices.length)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let closings = 0;
let stopping = false;

/** A socket that sometimes closes by itself, under the client. */
class Fickle extends WebSocket {
  constructor(address) {
    super(address);
    if (random() < 0.25) setTimeout(() => this.#leave(), random() * 60);
  }

  #leave() {
    if (stopping) return;
    closings += 1;
    this.close(4001);
  }
}

async function collect(stream, list) {
  for await (const data of stream) list.push(data);
}

class Trader {
  outcomes = {};
  orders = [];
  fills = [];
  trades = [];
  samples = [];
  balances = [];
  notices = [];
  #number = 0;

  async open(connect, url, { name, token }) {
    this.user = name;
    this.client = await connect(url, {
      ...(token && { token: () => token }),
      backoff: { initialMs: 5, maxMs: 20 },
      WebSocket: Fickle,
      onNotice: (text) => this.notices.push(text),
    });
    this.isTrader = Boolean(token);
    this.streams = [this.client.trades(SYMBOL, { snapshot: 1000 })];
    this.lists = [this.trades];
    if (token) {
      this.streams.push(this.client.orders(), this.client.userTrades());
      this.lists.push(this.orders, this.fills);
      collect(this.client.account(), this.balances);
    }
    this.book = this.client.book(SYMBOL, { depth: 20 });
    this.book.onChange = (book) => this.#sample(book);
    this.reading = Promise.all(this.streams.map((stream, index) => collect(stream, this.lists[index])));
    await Promise.all([this.book, ...this.streams].map((stream) => stream.ready()));
  }

  async trade() {
    while (this.isTrader && !stopping) {
      const clientOrderId = `${this.user}-${(this.#number += 1)}`;
      this.outcomes[clientOrderId] = await this.#place(clientOrderId);
      if (random() < 0.2) await this.#cancel(`${this.user}-${1 + Math.floor(random() * this.#number)}`);
      await sleep(random() * 6);
    }
  }

  async #place(clientOrderId) {
    const price = String(45_000 + pick(-4, -3, -2, -1, 0, 1, 2, 3, 4));
    const order = { symbol: SYMBOL, side: pick("buy", "sell"), quantity: `0.00${pick(1, 2, 3)}`, price, clientOrderId };
    try {
      return (await this.client.placeOrder({ ...order, timeInForce: pick("GTC", "GTC", "GTC", "IOC") })).order_id;
    } catch (error) {
      if (error.name !== "OrderRejectedError") throw error;
      return error.reason;
    }
  }

  async #cancel(clientOrderId) {
    try {
      await this.client.cancelOrder({ clientOrderId });
    } catch (error) {
      if (error.code !== "NOT_FOUND") throw error;
    }
  }

  #sample(book) {
    if (this.samples.length < SAMPLES_MAX) this.samples.push(book.view());
  }

  has(expected) {
    if (expected.account && !(this.balances.at(-1)?.sequence >= expected.account)) return false;
    return this.lists.every((list, i) => list.length >= expected.counts[i]) && this.book.sequence >= expected.book;
  }

  result() {
    this.samples.push(this.book.view());
    const { outcomes, orders, fills, trades, balances, samples, notices, streams, book } = this;
    const gaps = streams.reduce((sum, stream) => sum + stream.gaps + stream.dropped, 0);
    return { outcomes, orders, fills, trades, balances: balances.at(-1), samples, notices, gaps, resyncs: book.resyncs };
  }
}

/** Everybody of a run. */
class Run {
  #traders;
  #trading;

  constructor(traders) {
    this.#traders = traders;
    this.#trading = Promise.all(traders.map((trader) => trader.trade()));
  }

  /** End the trading. */
  async stop() {
    stopping = true;
    await this.#trading;
  }

  /** Wait until everybody has seen what there is to see, and return what they saw. */
  async result(expected) {
    const isDone = () => this.#traders.every((trader, i) => trader.has(expected[i]));
    for (let attempt = 0; attempt < 1000 && !isDone(); attempt += 1) await sleep(10);
    const result = { closings, traders: this.#traders.map((trader) => trader.result()) };
    for (const trader of this.#traders) trader.client.close();
    return result;
  }
}

export async function start({ client, url, users, seed }) {
  const { connect } = await import(client);
  state = seed;
  const traders = users.map(() => new Trader());
  await Promise.all(traders.map((trader, index) => trader.open(connect, url, users[index])));
  return new Run(traders);
}
