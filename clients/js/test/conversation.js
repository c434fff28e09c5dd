/** A core, and the server's side of its conversation. */

import { Core } from "../src/core.ts";

export class Conversation {
  nowMs = 1_000_000;
  effects = [];

  constructor(options = {}) {
    this.core = new Core({ random: () => 0, ...options });
  }

  /** Carry out a step of the core, and remember its effects. */
  do(step) {
    const effects = step(this.core, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }

  start() {
    this.do((core, now) => core.start(now));
    return this;
  }

  /** Open the connection and greet. */
  greet() {
    this.do((core, now) => core.opened(now));
    this.receive({ id: "server-1", type: "connection_status", data: { status: "connected" } });
    return this;
  }

  connect() {
    return this.start().greet();
  }

  receive(message) {
    return this.do((core, now) => core.received(JSON.stringify({ timestamp: 0, ...message }), now));
  }

  /** Answer the last request to subscribe; `results` are those of its items, all right without them. */
  acknowledge(results) {
    const request = this.sent("subscribe").at(-1);
    const all = results ?? request.params.subscriptions.map(() => ({}));
    return this.receive({ id: request.id, type: "subscribed", data: { results: all } });
  }

  beat(rows, id = "heartbeat:7", timestamp = 5000) {
    const message = { id, type: "heartbeat", channel: "heartbeat", data: { subscriptions: rows, timestamp } };
    return this.receive(message);
  }

  trade(number, timestamp = 9000) {
    const data = { symbol: "BTC/USDT", trade_id: String(number), timestamp };
    return this.receive({ id: `trades:BTC/USDT:${number}`, type: "trade", channel: "trades", data });
  }

  order(id, data = {}) {
    return this.receive({ id, type: "order_update", channel: "orders", data: { symbol: "BTC/USDT", ...data } });
  }

  lose(code = 1006) {
    return this.do((core, now) => core.closed(code, "", now));
  }

  /** Let time pass until the core has something to do, and let it. */
  wait() {
    this.nowMs = Math.max(this.nowMs, this.core.deadlineMs);
    return this.do((core, now) => core.advance(now));
  }

  pass(ms) {
    this.nowMs += ms;
    return this.do((core, now) => core.advance(now));
  }

  /** Lose the connection and come back. */
  reconnect(code = 1006) {
    this.lose(code);
    this.wait();
    this.effects.length = 0;
    return this.greet();
  }

  subscribe(subscription) {
    this.do((core, now) => core.subscribe(subscription, now));
    return subscription;
  }

  /** Return all requests of a method that were sent. */
  sent(method) {
    const requests = this.of("send").map(({ text }) => JSON.parse(text));
    return method === undefined ? requests : requests.filter((request) => request.method === method);
  }

  of(kind) {
    return this.effects.filter((effect) => effect.kind === kind);
  }

  /** Return the ids of the messages that were handed on. */
  get delivered() {
    return this.of("deliver").map(({ message }) => message.id);
  }
}
