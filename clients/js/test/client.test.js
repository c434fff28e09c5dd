import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, connect } from "../src/index.ts";
import { FakeServer } from "../src/testing.ts";

const SYMBOL = "BTC/USDT";

/** Return a server, and how a client of it is made. */
function fake(options = {}) {
  const server = new FakeServer();
  return { server, options: { WebSocket: server.WebSocket, backoff: { initialMs: 1, maxMs: 2 }, ...options } };
}

/** Let everything that can happen without waiting happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const publishTrade = (server, number) =>
  server.publish("trades", `trades:BTC/USDT:${number}`, "trade", {
    symbol: SYMBOL,
    trade_id: String(number),
    timestamp: server.nowMs,
  });

async function take(stream, count) {
  const seen = [];
  for (let number = 0; number < count; number += 1) seen.push((await stream.next()).value);
  return seen;
}

const numbers = (trades) => trades.map((trade) => Number(trade.trade_id));

test("a stream goes through broken connections without a missing or a double trade", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const stream = client.trades(SYMBOL);
  await settle();
  let published = 0;
  for (let round = 0; round < 20; round += 1) {
    for (let number = 0; number < 3; number += 1) publishTrade(server, (published += 1));
    server.socket.drop();
    publishTrade(server, (published += 1));
    server.refusals = round % 3;
    await client.ready();
    await settle();
  }
  assert.deepEqual(numbers(await take(stream, 80)), [...Array(80).keys()].map((number) => number + 1));
  assert.deepEqual([stream.gaps, stream.dropped, stream.status], [0, 0, "live"]);
  client.close();
});

test("a socket that is closing is given nothing, and what was meant for it goes over the next one", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const closing = server.socket;
  closing.readyState = 2;
  const stream = client.trades(SYMBOL);
  await settle();
  const methods = (socket) => socket.requests.map((request) => request.method);
  assert.ok(!methods(closing).includes("subscribe"));
  closing.drop();
  await stream.ready();
  assert.ok(methods(server.socket).includes("subscribe"));
  client.close();
});

test("a market tells its status at once, and every change of it", async () => {
  const { server, options } = fake();
  server.setStatus(SYMBOL, { state: "halted", reason: "news" });
  const client = await connect("ws://fake", options);
  const stream = client.marketStatus(SYMBOL);
  await stream.ready();
  server.setStatus("ETH/USDT", { state: "halted" });
  server.setStatus(SYMBOL, { book: "withdrawn" });
  const [first, second] = await take(stream, 2);
  assert.deepEqual([first.state, first.book, first.reason], ["halted", "live", "news"]);
  assert.deepEqual([second.symbol, second.state, second.book], [SYMBOL, "open", "withdrawn"]);
  assert.throws(() => client.marketStatus(), /close it first/);
  client.close();
});

test("a slow reader of all markets gets the newest status of each", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const stream = client.marketStatus(undefined, { buffer: { policy: "latestOnly" } });
  await stream.ready();
  for (const [symbol, state] of [["A", "halted"], ["B", "halted"], ["B", "open"], ["A", "post_only"]]) {
    server.setStatus(symbol, { state });
  }
  assert.deepEqual([stream.waiting, stream.dropped], [2, 2]);
  const told = (await take(stream, 2)).map(({ symbol, state }) => [symbol, state]);
  assert.deepEqual(told, [["B", "open"], ["A", "post_only"]]);
  client.close();
});

test("leaving a loop unsubscribes", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const stream = client.trades(SYMBOL);
  await settle();
  publishTrade(server, 1);
  for await (const trade of stream) {
    assert.equal(trade.trade_id, "1");
    break;
  }
  await settle();
  assert.equal(stream.status, "closed");
  assert.equal(server.socket.requests.at(-1).method, "unsubscribe");
  client.trades(SYMBOL);
  client.close();
});

test("a reader that is too slow for a stream without losses gets what waits, and then the error", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const stream = client.trades(SYMBOL, { buffer: { policy: "unbounded", limit: 2 } });
  await settle();
  for (const number of [1, 2, 3]) publishTrade(server, number);
  assert.deepEqual(numbers(await take(stream, 2)), [1, 2]);
  await assert.rejects(stream.next(), { name: "BufferOverflowError" });
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
  client.close();
});

test("a book heals on the same connection, and shows the newest state to a slow reader", async () => {
  const { server, options } = fake();
  const level = (sequence, price) => ({ symbol: SYMBOL, bids: [[price, "1"]], asks: [], timestamp: 1, sequence });
  const update = (sequence, price) => {
    const data = { symbol: SYMBOL, side: "buy", price, quantity: "2", action: "add", timestamp: 1, sequence };
    server.publish("orderbook", `orderbook:${sequence}`, "orderbook_update", data);
  };
  server.snapshots.set(SYMBOL, level(1, "5.00"));
  const client = await connect("ws://fake", options);
  const book = client.book(SYMBOL);
  await book.ready();
  update(2, "6.00");
  update(3, "7.00");
  for await (const view of book) {
    assert.deepEqual([view.sequence, view.bids[0][0]], [3, "7.00"]);
    server.skips = 1;
    update(4, "8.00");
    server.snapshots.set(SYMBOL, level(5, "9.00"));
    update(5, "9.00");
    break;
  }
  assert.equal(book.status, "closed");
  const again = client.book(SYMBOL, { depth: 5 });
  await again.ready();
  assert.deepEqual(again.bids, [["9.00", "1"]]);
  server.skips = 1;
  update(6, "9.50");
  update(7, "9.60");
  assert.equal(again.status, "resuming");
  server.snapshots.set(SYMBOL, level(7, "9.60"));
  await new Promise((resolve) => {
    again.onStatus = (status) => status === "live" && resolve();
  });
  assert.deepEqual([again.sequence, again.bids[0][0], server.sockets.length], [7, "9.60", 1]);
  client.close();
});

test("an order whose answer was lost has its outcome after the next connection", async () => {
  const { server, options } = fake({ token: () => "T" });
  const client = await connect("ws://fake", options);
  server.answers.set("place_order", () => null);
  const placed = client.placeOrder({ symbol: SYMBOL, side: "buy", quantity: "1", price: "2" });
  await settle();
  const [first] = server.socket.requests.filter(({ method }) => method === "place_order");
  server.answers.set("place_order", ({ params }) => ({ type: "order_accepted", data: params }));
  server.socket.drop();
  assert.equal((await placed).client_order_id, first.params.client_order_id);
  assert.ok(first.params.client_order_id.length >= 16);
  client.close();
});

test("every connection asks for a token, which never is in the address", async () => {
  const tokens = [];
  const { server, options } = fake({ token: async () => tokens[tokens.push(`T${tokens.length}`) - 1] });
  const client = await connect("ws://fake", options);
  server.socket.drop();
  await new Promise((resolve) => setTimeout(resolve, 5));
  await client.ready();
  assert.deepEqual(server.sockets.map(({ requests }) => requests[0].params.token), ["T0", "T1"]);
  assert.deepEqual([...new Set(server.sockets.map(({ url }) => url))], ["ws://fake"]);
  client.close();
});

test("a client that must stay away ends everything with the reason", async () => {
  const { server, options } = fake();
  const client = await connect("ws://fake", options);
  const stream = client.ticker(SYMBOL);
  const book = client.book(SYMBOL);
  await settle();
  const next = stream.next();
  const ready = book.ready();
  server.socket.drop(1008, "policy");
  await assert.rejects(next, { name: "ConnectionEndedError", closeCode: 1008 });
  await assert.rejects(ready, { closeCode: 1008 });
  await assert.rejects(client.ready(), { closeCode: 1008 });
  await assert.rejects(client.cancelAllOrders(), { name: "UsageError" });
  assert.equal(client.state.status, "closed");
});

test("the state of the connection is told", async () => {
  const states = [];
  const { server, options } = fake({ onState: ({ status }) => states.push(status) });
  const client = new Client("ws://fake", options);
  await client.ready();
  await settle();
  server.socket.drop();
  client.close();
  const changes = states.filter((status, index) => status !== states[index - 1]);
  assert.deepEqual(changes, ["connecting", "connected", "waiting", "closed"]);
});

test("a stream is ready once it is live, and never if it is refused", async () => {
  const { server, options } = fake();
  server.answers.set("subscribe", ({ params }) => {
    const isGood = ({ symbol }) => symbol === SYMBOL;
    const results = params.subscriptions.map((item) => (isGood(item) ? {} : { error: { code: "INVALID_SYMBOL" } }));
    return { type: "subscribed", data: { results } };
  });
  const client = await connect("ws://fake", options);
  await client.ticker(SYMBOL).ready();
  await assert.rejects(client.ticker("NO/PE").ready(), { code: "INVALID_SYMBOL" });
  client.close();
});

test("a token and an API key at once are a mistake", () => {
  assert.throws(() => new Client("ws://fake", { token: "T", apiKey: "K" }), { name: "UsageError" });
});
