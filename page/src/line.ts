/** The connection to the server: one client at a time, anonymous or with credentials. */

import { Client } from "../../clients/js/src/index.ts";
import type { ConnectionState, FinalexError } from "../../clients/js/src/index.ts";
import { credentialOptions } from "./credentials.ts";

const ADDRESS = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`;

const PING_INTERVAL_MS = 5000;

export class Line {
  readonly #onState: () => void;
  readonly #onEnd: (error: FinalexError) => void;
  #client: Client | null = null;

  /** `onState` is called when `state` has changed; `onEnd` is told that the connection has ended for good, and why. */
  constructor(onState: () => void, onEnd: (error: FinalexError) => void) {
    this.#onState = onState;
    this.#onEnd = onEnd;
  }

  get client(): Client {
    if (this.#client === null) throw new Error("there is no client before the first `open`");
    return this.#client;
  }

  get state(): ConnectionState | null {
    return this.#client?.state ?? null;
  }

  /** Connect with these credentials, or without; what was subscribed before has to be subscribed again. */
  open(credentials: string | null): void {
    this.#use(this.#make(credentials));
  }

  /** Connect with these credentials, and stay with the present connection if they are refused: then it rejects. */
  async change(credentials: string): Promise<void> {
    const client = this.#make(credentials);
    try {
      await client.ready();
    } catch (error) {
      client.close();
      throw error;
    }
    this.#use(client);
  }

  #make(credentials: string | null): Client {
    const options = credentials === null ? {} : credentialOptions(credentials);
    let client: Client | null = null; // the constructor tells of the first states already
    client = new Client(ADDRESS, {
      ...options,
      core: { pingIntervalMs: PING_INTERVAL_MS },
      onState: (state) => {
        if (client !== null && client === this.#client) this.#tell(state);
      },
    });
    return client;
  }

  #use(client: Client): void {
    const before = this.#client;
    this.#client = client;
    before?.close();
    this.#tell(client.state);
  }

  #tell(state: ConnectionState): void {
    this.#onState();
    if (state.status === "closed" && state.error !== null) this.#onEnd(state.error);
  }
}
