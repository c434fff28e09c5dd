/** Follows a market's status for three changes, and says at each what becomes of an order and of a cancel. */

const { module, url, token } = JSON.parse(process.argv[2]);
const { connect } = await import(module);
const client = await connect(url, { token });
const order = { symbol: "BTC/USDT", side: "buy", quantity: "0.001", price: "40000.00" };

/** Return how a request ends: `done`, or the error and its reason. */
async function outcome(request) {
  try {
    await request;
    return "done";
  } catch ({ name, reason }) {
    return `${name} ${reason}`;
  }
}

const { order_id: orderId } = await client.placeOrder(order);
let changes = 0;
for await (const { state, book, reason } of client.marketStatus(order.symbol)) {
  const placed = await outcome(client.placeOrder(order));
  const canceled = changes > 0 ? await outcome(client.cancelOrder({ orderId })) : "";
  console.log(JSON.stringify({ state, book, reason: reason ?? null, placed, canceled }));
  if ((changes += 1) === 3) break;
}
client.close();
