/** The client at the address given as `bundle`, with times for a test: what takes minutes by default takes a second. */

const client = await import(new URL(import.meta.url).searchParams.get("bundle"));

const core = { pingIntervalMs: 500, answerTimeoutMs: 1000, subscribeTimeoutMs: 3000, unsentOrderMs: 120_000 };

export const connect = (url, options) => client.connect(url, { ...options, core: { messagesPerMinute: 100_000, ...core } });
