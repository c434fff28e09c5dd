import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsOfStatus } from "../src/status-words.ts";

const OPEN = { symbol: "BTC/USDT", state: "open", book: "live", timestamp: 1 };

test("an open market with a live book needs no words, whatever was said when it was opened", () => {
  assert.equal(wordsOfStatus(OPEN), null);
  assert.equal(wordsOfStatus({ ...OPEN, reason: "all is well again" }), null);
});

test("the operator's reason comes after what the market takes", () => {
  assert.deepEqual(wordsOfStatus({ ...OPEN, state: "post_only", reason: "news" }), {
    badge: "Post only",
    sentences: "Only orders that add to the book are taken. The exchange says: news",
  });
  assert.equal(wordsOfStatus({ ...OPEN, state: "halted" }).sentences, "No orders are taken, and none are canceled.");
});

test("a market that is closed and has no source says both, under the name of the state", () => {
  assert.equal(wordsOfStatus({ ...OPEN, book: "withdrawn" }).badge, "Book withdrawn");
  assert.deepEqual(wordsOfStatus({ ...OPEN, state: "cancel_only", book: "withdrawn" }), {
    badge: "Cancel only",
    sentences: "No new orders are taken; open ones can be canceled. The market has lost its source.",
  });
});
