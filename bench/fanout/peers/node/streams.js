"use strict";
// What every peer written for Node shares: the benchmark's small protocol, and the port to listen on.
//
// A client subscribes with the text `s 3 17 42` and is answered `ok`. The trigger makes a tick with the text
// `t 3 300 17 260`: for each pair one message of exactly so many bytes on that stream, numbered from 1 in every stream.

const numbers = new Map();

// Return the messages of a tick as [stream, Buffer], in order; `words` are those of the trigger's text.
function tick(words) {
  const messages = [];
  for (let i = 1; i < words.length; i += 2) {
    const stream = words[i];
    const number = (numbers.get(stream) ?? 0) + 1;
    numbers.set(stream, number);
    const text = `{"id":"s${stream}:${number}","pad":"`.padEnd(Number(words[i + 1]) - 2, "x") + '"}';
    messages.push([stream, Buffer.from(text, "latin1")]);
  }
  return messages;
}

// Return the port that the command line asks for; 0 takes any free one.
function port() {
  const place = process.argv.indexOf("--port");
  return place < 0 ? 0 : Number(process.argv[place + 1]);
}

// Tell whoever started this program that it listens.
function announce(boundPort) {
  console.log(`READY ${boundPort}`);
}

module.exports = { tick, port, announce };
