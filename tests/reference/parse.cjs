// Reads an AsyncAPI document on standard input; prints what the official parser finds in it, as JSON.
"use strict";

const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
  const problems = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity }));
  const found = document && {
    version: document.version(),
    channels: document.channels().all().map((channel) => channel.id()),
    operations: document.operations().all().map((operation) => operation.id()),
    messages: document.messages().all().map((message) => message.name()),
  };
  process.stdout.write(JSON.stringify({ problems, found: found || null }));
}

main();
