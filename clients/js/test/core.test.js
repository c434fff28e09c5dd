import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "./conversation.js";
import { BookSubscription, KlineSubscription, ResumableSubscription } from "../src/subscription.ts";
import { StatusSubscription, Subscription } from "../src/subscription.ts";

const SYMBOL = "BTC/USDT";

const trades = (params = {}) => new ResumableSubscription("trades", { symbol: SYMBOL, ...params });
const orders = () => new ResumableSubscription("orders", {});

test("the delays double from 1 s to 30 s, and begin afresh once a connection has served", () => {
  const talk = new Conversation().start();
  const delays = [];
  for (let attempt = 0; attempt < 7; attempt += 1) {
    talk.lose();
    delays.push(talk.core.retryMs - talk.nowMs);
    talk.wait();
  }
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  talk.greet();
  talk.receive({ id: talk.sent("ping").at(-1).id, type: "pong", data: {} });
  talk.lose();
  assert.equal(talk.core.retryMs - talk.nowMs, 1000);
});

test("chance only shortens a delay", () => {
  const talk = new Conversation({ random: () => 0.999 }).start();
  talk.lose();
  assert.equal(talk.core.retryMs - talk.nowMs, 750);
});

test("a server that restarts says when to come back", () => {
  const talk = new Conversation().connect();
  talk.receive({ id: "x", type: "connection_status", data: { status: "closing", reconnect_after_ms: 137 } });
  talk.lose(1012);
  assert.equal(talk.core.retryMs - talk.nowMs, 137);
});

for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 3000]) {
  test(`after ${code} it does not come back, and says why`, () => {
    const talk = new Conversation().connect();
    const subscription = talk.subscribe(trades());
    talk.receive({ id: "server-2", type: "error", data: { code: "CONNECTION_LIMIT", details: "too many" } });
    talk.lose(code);
    assert.equal(talk.core.status, "closed");
    assert.equal(talk.core.deadlineMs, Infinity);
    assert.equal(talk.of("closed")[0].error.closeCode, code);
    assert.match(talk.of("closed")[0].error.message, /too many/);
    assert.equal(talk.of("ended")[0].subscription, subscription);
  });
}

for (const code of [1001, 1006, 1011, 1012, 1013, 3008, 4000]) {
  test(`after ${code} it comes back`, () => {
    const talk = new Conversation().connect();
    talk.lose(code);
    assert.equal(talk.core.status, "waiting");
  });
}

test("all subscriptions come back in one request, and lists go on after what was seen", () => {
  const talk = new Conversation().connect();
  talk.subscribe(new Subscription("ticker", { symbol: SYMBOL }));
  talk.acknowledge();
  const subscription = talk.subscribe(trades({ snapshot: 5 }));
  talk.acknowledge();
  talk.trade(1);
  talk.trade(2);
  talk.subscribe(new BookSubscription(SYMBOL, 20));
  talk.acknowledge();
  assert.equal(subscription.status, "live");
  talk.lose();
  assert.equal(subscription.status, "stale");
  talk.wait();
  talk.effects.length = 0;
  talk.greet();
  assert.equal(subscription.status, "resuming");
  const [request, ...others] = talk.sent("subscribe");
  assert.deepEqual(others, []);
  assert.deepEqual(request.params.subscriptions, [
    { channel: "ticker", symbol: SYMBOL },
    { channel: "trades", symbol: SYMBOL, snapshot: 5, after: "trades:BTC/USDT:2" },
    { channel: "orderbook", symbol: SYMBOL, depth: 20 },
    { channel: "heartbeat" },
  ]);
  talk.acknowledge([{}, { resumed: true }, {}, {}]);
  assert.equal(subscription.status, "live");
  assert.deepEqual([subscription.gaps, talk.of("notice").length], [0, 0]);
});

test("a request for many past messages is divided by the server's limits", () => {
  const talk = new Conversation();
  for (let number = 0; number < 21; number += 1) {
    talk.subscribe(new KlineSubscription("kline", { symbol: `S${number}/USDT`, interval: "1m", history: 1000 }));
  }
  talk.connect();
  const lengths = talk.sent("subscribe").map(({ params }) => params.subscriptions.length);
  assert.deepEqual(lengths, [11, 11, 2]);
});

test("messages before the answer belong to nobody", () => {
  const talk = new Conversation().connect();
  talk.subscribe(trades());
  talk.trade(1);
  talk.acknowledge();
  talk.trade(2);
  assert.deepEqual(talk.delivered, ["trades:BTC/USDT:2"]);
});

test("a missing trade is asked for on the same connection", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(trades());
  talk.acknowledge();
  talk.trade(1);
  talk.trade(3);
  assert.equal(subscription.status, "resuming");
  talk.wait();
  assert.equal(talk.sent("subscribe").at(-1).params.subscriptions[0].after, "trades:BTC/USDT:1");
  talk.trade(4);
  talk.acknowledge([{ resumed: true }, {}]);
  for (const number of [2, 3, 4, 5]) talk.trade(number);
  assert.deepEqual(
    talk.delivered.map((id) => id.split(":").at(-1)),
    ["1", "2", "3", "4", "5"],
  );
  assert.equal(talk.of("connect").length, 1);
});

test("a message that a heartbeat has and we have not is asked for", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(orders());
  talk.acknowledge();
  talk.order("orders:5-0");
  talk.beat([{ channel: "orders", last_id: "orders:5-0" }]);
  assert.equal(subscription.status, "live");
  talk.beat([{ channel: "orders", last_id: "orders:6-0" }]);
  assert.equal(subscription.status, "resuming");
  talk.wait();
  assert.equal(talk.sent("subscribe").at(-1).params.subscriptions[0].after, "orders:5-0");
});

test("a list of which nothing was seen yet goes on from where a heartbeat was", () => {
  const talk = new Conversation();
  const own = talk.subscribe(orders());
  const fills = talk.subscribe(new ResumableSubscription("user_trades", {}));
  talk.connect();
  talk.acknowledge();
  assert.equal(own.status, "pending");
  talk.beat([{ channel: "orders", last_id: null }, { channel: "user_trades", last_id: null }], "heartbeat:42", 7000);
  assert.equal(own.status, "live");
  assert.equal(fills.status, "live");
  talk.beat([{ channel: "orders", last_id: null }, { channel: "user_trades", last_id: null }], "heartbeat:50", 9000);
  talk.reconnect();
  const [first, second] = talk.sent("subscribe").at(-1).params.subscriptions;
  assert.deepEqual(first, { channel: "orders", after: "orders:42-0" });
  assert.deepEqual(second, { channel: "user_trades", snapshot: 1000 });
  talk.acknowledge([{ resumed: true }, {}, {}]);
  for (const [number, timestamp] of [[1, 6000], [2, 7000], [3, 8000]]) {
    const data = { symbol: SYMBOL, trade_id: `trade_${number}`, timestamp };
    talk.receive({ id: `user_trades:BTC/USDT:${number}`, type: "user_trade", channel: "user_trades", data });
  }
  assert.deepEqual(talk.delivered, ["user_trades:BTC/USDT:2", "user_trades:BTC/USDT:3"]);
});

test("what can no longer be told ends a list, unless its reader goes on", () => {
  for (const endsAtGap of [true, false]) {
    const talk = new Conversation().connect();
    const subscription = trades();
    subscription.endsAtGap = endsAtGap;
    talk.subscribe(subscription);
    talk.acknowledge();
    talk.trade(1);
    talk.reconnect();
    talk.acknowledge([{ resumed: false }, {}]);
    talk.trade(5000);
    assert.equal(subscription.gaps, 1);
    assert.equal(talk.of("notice").length, 1);
    assert.deepEqual(
      talk.of("ended").map(({ error }) => error.name),
      endsAtGap ? ["GapError"] : [],
    );
    assert.deepEqual(talk.delivered, endsAtGap ? [] : ["trades:BTC/USDT:5000"]);
  }
});

test("a book with a hole asks for a fresh snapshot on the same connection, at most once a second", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(new BookSubscription(SYMBOL, 5));
  const update = (sequence) =>
    talk.receive({
      id: "u",
      type: "orderbook_update",
      channel: "orderbook",
      data: { symbol: SYMBOL, side: "buy", price: "9.00", quantity: "1", action: "add", timestamp: 1, sequence },
    });
  const snapshot = (sequence) =>
    talk.receive({
      id: "s",
      type: "orderbook_snapshot",
      channel: "orderbook",
      data: { symbol: SYMBOL, bids: [["8.00", "1"]], asks: [], timestamp: 1, sequence },
    });
  talk.acknowledge();
  snapshot(10);
  update(11);
  assert.deepEqual(subscription.book.bids, [["9.00", "1"], ["8.00", "1"]]);
  update(13);
  assert.deepEqual([subscription.status, subscription.resyncs, subscription.book.sequence], ["resuming", 1, 11]);
  assert.equal(talk.sent("subscribe").length, 1);
  assert.equal(talk.core.deadlineMs - talk.nowMs, 1000);
  talk.wait();
  assert.equal(talk.sent("subscribe").length, 2);
  update(14);
  talk.acknowledge();
  snapshot(20);
  update(21);
  assert.deepEqual([subscription.status, subscription.book.sequence], ["live", 21]);
  talk.beat([{ channel: "orderbook", symbol: SYMBOL, depth: 5, last_id: "x", sequence: 22 }]);
  assert.equal(subscription.status, "resuming");
});

test("candles that closed meanwhile are asked for, and none comes twice", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(new KlineSubscription("kline", { symbol: SYMBOL, interval: "1m" }));
  const candle = (minute, is_closed) =>
    talk.receive({
      id: `${minute}-${is_closed}`,
      type: "kline",
      channel: "kline",
      data: { symbol: SYMBOL, interval: "1m", open_time: minute * 60_000, close_time: minute * 60_000 + 59_999, is_closed },
    });
  talk.acknowledge();
  candle(5, false);
  talk.nowMs += 120_000;
  talk.reconnect();
  assert.equal(talk.sent("subscribe")[0].params.subscriptions[0].history, 13);
  talk.acknowledge();
  for (const minute of [3, 4, 5, 6]) candle(minute, true);
  candle(7, false);
  assert.deepEqual(talk.delivered, ["5-true", "6-true", "7-false"]);
  assert.equal(subscription.gaps, 0);
  talk.reconnect();
  talk.acknowledge();
  candle(9, true);
  assert.equal(subscription.gaps, 1);
});

test("an order without an answer is asked again with the same ids, and settles once", () => {
  const talk = new Conversation().connect();
  const { request, effects } = talk.core.request("place_order", { client_order_id: "mine" }, talk.nowMs);
  talk.effects.push(...effects);
  talk.reconnect();
  const [again] = talk.sent("place_order");
  assert.deepEqual(again, { id: request.id, method: "place_order", params: { client_order_id: "mine" } });
  const answer = { id: request.id, type: "order_accepted", data: { order_id: "1" } };
  talk.receive(answer);
  talk.receive(answer);
  assert.deepEqual(
    talk.of("settled").map(({ settled }) => settled.data),
    [{ order_id: "1" }],
  );
});

test("an outcome that the server does not know is asked for again", () => {
  const talk = new Conversation().connect();
  const { request, effects } = talk.core.request("place_order", { client_order_id: "mine" }, talk.nowMs);
  talk.effects.push(...effects);
  talk.receive({ id: request.id, type: "error", data: { code: "INTERNAL_ERROR" } });
  assert.equal(talk.of("settled").length, 0);
  talk.pass(1000);
  assert.equal(talk.sent("place_order").length, 2);
  const unavailable = { code: "ORDER_REJECTED", reason: "exchange_unavailable" };
  talk.receive({ id: request.id, type: "error", data: unavailable });
  assert.equal(talk.of("settled").length, 0);
  talk.receive({ id: request.id, type: "error", data: { code: "ORDER_REJECTED", reason: "no_liquidity" } });
  const { error } = talk.of("settled")[0].settled;
  assert.deepEqual([error.name, error.reason, error.resent], ["OrderRejectedError", "no_liquidity", true]);
});

test("an order that found no connection in time is given up and known not to be sent", () => {
  const talk = new Conversation().start();
  talk.core.request("place_order", {}, talk.nowMs);
  talk.pass(10_000);
  assert.match(talk.of("settled")[0].settled.error.message, /not sent/);
});

for (const reason of ["order_rate", "exchange_unavailable"]) {
  test(`${reason} says that an order sent once was not placed, and of one sent again nothing`, () => {
    const talk = new Conversation().connect();
    const refuse = (id) => talk.receive({ id, type: "error", data: { code: "ORDER_REJECTED", reason } });
    const first = talk.core.request("place_order", { client_order_id: "first" }, talk.nowMs).request;
    refuse(first.id);
    const { error } = talk.of("settled")[0].settled;
    assert.deepEqual([error.name, error.reason, error.resent], ["OrderRejectedError", reason, false]);
    const second = talk.core.request("place_order", { client_order_id: "second" }, talk.nowMs).request;
    talk.reconnect();
    refuse(second.id);
    assert.equal(talk.of("settled").length, 0);
    talk.pass(1000);
    assert.equal(talk.sent("place_order").at(-1).params.client_order_id, "second");
    talk.receive({ id: second.id, type: "order_accepted", data: { order_id: "1" } });
    assert.deepEqual(talk.of("settled")[0].settled.data, { order_id: "1" });
  });
}

for (const method of ["cancel_order", "cancel_all_orders"]) {
  test(`a ${method} that is refused says so as what it is`, () => {
    const talk = new Conversation().connect();
    const { request } = talk.core.request(method, {}, talk.nowMs);
    talk.receive({ id: request.id, type: "error", data: { code: "ORDER_REJECTED", reason: "market_halted" } });
    const { error } = talk.of("settled")[0].settled;
    assert.deepEqual([error.name, error.reason], ["CancelRejectedError", "market_halted"]);
  });
}

test("closing says of each request whether its outcome is known", () => {
  const talk = new Conversation().connect();
  talk.core.request("place_order", {}, talk.nowMs);
  talk.lose();
  talk.core.request("cancel_order", {}, talk.nowMs);
  talk.do((core) => core.stop());
  const names = talk.of("settled").map(({ settled }) => settled.error.name);
  assert.deepEqual(names, ["OutcomeUnknownError", "UsageError"]);
});

test("credentials go in the first request, never in the address, and before everything else", () => {
  const talk = new Conversation({ credentials: "renewable" });
  talk.subscribe(orders());
  talk.start();
  assert.equal(talk.of("authorize").length, 1);
  talk.do((core, now) => core.credentials({ token: "T1" }, now));
  talk.greet();
  const [auth, ...others] = talk.sent();
  assert.deepEqual([auth.method, auth.params, others], ["auth", { token: "T1" }, []]);
  talk.receive({ id: auth.id, type: "authenticated", data: {} });
  assert.equal(talk.sent("subscribe").length, 1);
});

test("a token is replaced on the open connection before it expires", () => {
  const talk = new Conversation({ credentials: "renewable" }).start();
  talk.do((core, now) => core.credentials({ token: "T1" }, now));
  talk.greet();
  talk.receive({ id: talk.sent("auth")[0].id, type: "authenticated", data: {} });
  talk.receive({ id: "x", type: "connection_status", data: { status: "token_expiring" } });
  assert.equal(talk.of("authorize").length, 2);
  talk.do((core, now) => core.credentialsFailed("no network", now));
  talk.pass(5000);
  assert.equal(talk.of("authorize").length, 3);
  talk.do((core, now) => core.credentials({ token: "T2" }, now));
  assert.deepEqual(talk.sent("auth").at(-1).params, { token: "T2" });
  assert.equal(talk.core.status, "connected");
});

test("refused credentials end a client that has no others, and one whose others are refused too", () => {
  for (const [credentials, attempts] of [["fixed", 1], ["renewable", 3]]) {
    const talk = new Conversation({ credentials }).start();
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      assert.notEqual(talk.core.status, "closed");
      talk.do((core, now) => core.credentials({ token: "bad" }, now));
      talk.greet();
      talk.receive({ id: talk.sent("auth").at(-1).id, type: "error", data: { code: "INVALID_TOKEN" } });
      if (attempt < attempts) talk.wait();
    }
    assert.equal(talk.of("closed")[0].error.code, "INVALID_TOKEN");
  }
});

test("expired credentials are replaced by reconnecting, if there may be others", () => {
  const talk = new Conversation({ credentials: "renewable" }).start();
  talk.do((core, now) => core.credentials({ token: "T1" }, now));
  talk.greet();
  talk.lose(3000);
  talk.wait();
  assert.equal(talk.of("authorize").length, 2);
});

test("a connection on which nothing comes any more is left", () => {
  const talk = new Conversation().connect();
  talk.pass(24_999);
  assert.equal(talk.core.status, "connected");
  talk.pass(1);
  assert.equal(talk.core.status, "waiting");
  assert.equal(talk.of("disconnect").length, 1);
});

test("an attempt to connect that gets no answer is left", () => {
  const talk = new Conversation().start();
  talk.pass(10_000);
  assert.equal(talk.core.status, "waiting");
});

test("the latency is measured", () => {
  const talk = new Conversation().connect();
  talk.nowMs += 12;
  talk.receive({ id: talk.sent("ping")[0].id, type: "pong", data: {} });
  assert.equal(talk.core.latencyMs, 12);
});

test("garbage ends the connection, not the client", () => {
  for (const text of ["{", "[]", "null", '{"type":1,"data":{}}']) {
    const talk = new Conversation().connect();
    talk.do((core, now) => core.received(text, now));
    assert.equal(talk.core.status, "waiting");
  }
});

test("garbage on one connection after the other ends the client", () => {
  const talk = new Conversation().connect();
  talk.subscribe(trades());
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(talk.core.status, "connected");
    talk.do((core, now) => core.received("<html>", now));
    if (round < 3) talk.wait() && talk.greet();
  }
  assert.equal(talk.core.status, "closed");
  assert.equal(talk.of("closed")[0].error.name, "UnreadableMessageError");
  assert.equal(talk.of("ended")[0].error.name, "UnreadableMessageError");
});

test("garbage now and then does not", () => {
  const talk = new Conversation().connect();
  for (let round = 0; round < 6; round += 1) {
    talk.do((core, now) => core.received("<html>", now));
    talk.nowMs += 60_000;
    talk.wait();
    talk.greet();
  }
  assert.equal(talk.core.status, "connected");
});

test("a message that cannot be read is asked for again once, and then its stream ends", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(trades());
  talk.acknowledge();
  talk.trade(1);
  talk.trade("many");
  assert.equal(subscription.status, "resuming");
  talk.wait();
  assert.equal(talk.sent("subscribe").at(-1).params.subscriptions[0].after, "trades:BTC/USDT:1");
  talk.acknowledge([{ resumed: true }, {}]);
  talk.trade("many");
  assert.equal(subscription.status, "closed");
  assert.equal(talk.of("ended")[0].error.name, "UnreadableMessageError");
  assert.match(talk.of("ended")[0].error.message, /trades BTC\/USDT/);
  assert.equal(talk.sent("unsubscribe").length, 1);
  assert.equal(talk.core.status, "connected");
});

test("a snapshot of a book that cannot be read is asked for again", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(new BookSubscription(SYMBOL, 5));
  talk.acknowledge();
  talk.receive({ id: "s", type: "orderbook_snapshot", channel: "orderbook", data: { symbol: SYMBOL } });
  assert.equal(subscription.status, "resuming");
});

test("a last status that never came is asked for", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(new StatusSubscription("status", {}));
  talk.acknowledge();
  const id = "status:BTC/USDT:5:snapshot";
  talk.receive({ id, type: "status", channel: "status", data: { symbol: SYMBOL, state: "open" } });
  talk.beat([{ channel: "status", last_id: id }]);
  assert.equal(subscription.status, "live");
  talk.beat([{ channel: "status", last_id: "status:BTC/USDT:6" }]);
  assert.equal(subscription.status, "resuming");
});

test("an item that was refused ends alone", () => {
  const talk = new Conversation();
  const good = talk.subscribe(new Subscription("ticker", { symbol: SYMBOL }));
  const bad = talk.subscribe(new Subscription("ticker", { symbol: "NO/PE" }));
  talk.connect();
  talk.acknowledge([{}, { error: { code: "INVALID_SYMBOL", details: "no such" } }, {}]);
  assert.deepEqual([good.status, bad.status], ["live", "closed"]);
  assert.equal(talk.of("ended")[0].error.code, "INVALID_SYMBOL");
});

test("a request that the server dropped is sent again", () => {
  const talk = new Conversation().connect();
  talk.subscribe(new Subscription("ticker", { symbol: SYMBOL }));
  for (const ms of [15_000, 15_000]) {
    talk.pass(ms);
    talk.receive({ id: talk.sent("ping").at(-1).id, type: "pong", data: {} });
  }
  assert.equal(talk.sent("subscribe").length, 2);
});

test("more than the server takes in a minute waits", () => {
  const talk = new Conversation({ messagesPerMinute: 10 }).connect();
  for (let number = 0; number < 30; number += 1) {
    talk.effects.push(...talk.core.request("cancel_order", { number }, talk.nowMs).effects);
  }
  assert.equal(talk.sent().length, 10);
  const firstMs = talk.nowMs;
  while (talk.sent().length === 10) {
    talk.wait();
    talk.receive({ id: "x", type: "connection_status", data: { status: "lagging" } });
  }
  assert.equal(talk.nowMs - firstMs, 60_000);
});

test("one stream of a thing at a time", () => {
  const talk = new Conversation().connect();
  talk.subscribe(trades());
  assert.throws(() => talk.subscribe(trades()), /close it first/);
  talk.subscribe(new ResumableSubscription("orders", { symbol: SYMBOL }));
  assert.throws(() => talk.subscribe(orders()), /close it first/);
  talk.subscribe(new ResumableSubscription("user_trades", {}));
  assert.throws(() => talk.subscribe(new ResumableSubscription("user_trades", { symbol: SYMBOL })), /close it first/);
});

test("what is unsubscribed is not restored", () => {
  const talk = new Conversation().connect();
  const subscription = talk.subscribe(trades());
  talk.acknowledge();
  talk.do((core, now) => core.unsubscribe(subscription, now));
  assert.equal(talk.sent("unsubscribe")[0].params.channel, "trades");
  talk.reconnect();
  assert.equal(talk.sent("subscribe").length, 0);
});

test("cancel on disconnect is kept by the next connection", () => {
  const talk = new Conversation().connect();
  const { request } = talk.core.request("cancel_on_disconnect", { enabled: true }, talk.nowMs);
  talk.receive({ id: request.id, type: "cancel_on_disconnect", data: { enabled: true } });
  talk.reconnect();
  assert.deepEqual(talk.sent()[0].params, { enabled: true });
});
