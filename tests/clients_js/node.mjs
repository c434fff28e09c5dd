/**
 * A run of `trading.mjs` in Node. Its argument is what that takes; a first line on its input ends the trading, a second
 * one says how much there is to see.
 */

import { createInterface } from "node:readline";

import { start } from "./trading.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const run = await start(JSON.parse(process.argv[2]));
await lines.next();
await run.stop();
console.log("STOPPED");
console.log(JSON.stringify(await run.result(JSON.parse((await lines.next()).value))));
process.stdin.destroy();
