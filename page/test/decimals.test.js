import assert from "node:assert/strict";
import { test } from "node:test";
import { brief, cut, decimalsOf, formatUnits, group, parseUnits } from "../src/decimals.ts";

test("text becomes integers and text again", () => {
  assert.equal(parseUnits("45678.9", 2), 4567890n);
  assert.equal(parseUnits(".5", 8), 50000000n);
  assert.equal(parseUnits("90071992547409931.25", 2), 9007199254740993125n);
  assert.equal(formatUnits(5n, 8), "0.00000005");
  assert.equal(formatUnits(4567890n, 2), "45678.90");
  assert.equal(formatUnits(7n, 0), "7");
});

test("what is no plain positive number is none", () => {
  for (const text of ["", "-1", "1e5", "1,5", "0x10", "1.2.3", " 1", "NaN", "."]) assert.equal(parseUnits(text, 8), null);
});

test("decimals beyond those of a market are left out, never rounded up", () => {
  assert.equal(parseUnits("0.999", 2), 99n);
  assert.equal(cut("0.12345678", 5), "0.12345");
  assert.equal(cut("12.00", 0), "12");
  assert.equal(decimalsOf("0.0001"), 4);
});

test("thousands are set apart on the left of the point only", () => {
  assert.equal(group("1234567.12345678"), "1,234,567.12345678");
  assert.equal(group("999.5"), "999.5");
  assert.equal(group("1000"), "1,000");
});

test("large amounts are brief", () => {
  assert.equal(brief("1480000000.5"), "1.48B");
  assert.equal(brief("2345678.9"), "2.35M");
  assert.equal(brief("123456"), "123.5K");
  assert.equal(brief("1234.56"), "1,235");
  assert.equal(brief("0.5"), "0.50");
});
