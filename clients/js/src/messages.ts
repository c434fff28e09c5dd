/**
 * What the server sends. Names are the wire's own; money and amounts are decimal text in the instrument's own
 * decimals, times are milliseconds since 1970 (UTC).
 */

export type Side = "buy" | "sell";

/** The last price and the rolling 24 hours of a symbol; volumes in base and in quote. */
export interface Ticker {
  symbol: string;
  price: string;
  change_24h: string;
  change_percent_24h: string;
  volume_24h: string;
  quote_volume_24h: string;
  high_24h: string;
  low_24h: string;
  bid: string;
  ask: string;
  timestamp: number;
}

/** A price and the quantity there. */
export type Level = readonly [price: string, quantity: string];

/** The best levels of each side, best first; `stale` marks a book whose market lost its source. */
export interface BookSnapshot {
  symbol: string;
  depth: number;
  bids: Level[];
  asks: Level[];
  timestamp: number;
  sequence: number;
  stale?: boolean;
}

/** One price level; `sequence` is the one before plus 1. */
export interface BookUpdate {
  symbol: string;
  depth: number;
  side: Side;
  price: string;
  quantity: string;
  action: "add" | "update" | "delete";
  timestamp: number;
  sequence: number;
}

/** A public trade; `side` is the taker's, `trade_id` grows by 1 per symbol. */
export interface Trade {
  symbol: string;
  trade_id: string;
  price: string;
  quantity: string;
  side: Side;
  timestamp: number;
}

/** A candle; `close_time` is its last millisecond. */
export interface Kline {
  symbol: string;
  interval: string;
  open_time: number;
  close_time: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  is_closed: boolean;
}

/** What a market takes, and whether its book can be trusted. */
export interface MarketStatus {
  symbol: string;
  /** `post_only`: orders that add to the book, and cancels; `halted`: nothing, its orders stay as they are. */
  state: "open" | "post_only" | "cancel_only" | "halted";
  /** `withdrawn` while the market has lost its source. */
  book: "live" | "withdrawn";
  /** What the operator says. */
  reason?: string;
  timestamp: number;
}

/** One currency of an account. */
export interface Balance {
  currency: string;
  available: string;
  locked: string;
  total: string;
}

/** All non-zero balances. */
export interface Account {
  balances: Balance[];
  timestamp: number;
  sequence: number;
}

export type OrderStatus = "new" | "partially_filled" | "filled" | "canceled" | "rejected" | "expired";

/** An order as it is now; `fees` are in the currency that it receives. */
export interface Order {
  order_id: string;
  client_order_id: string | null;
  symbol: string;
  side: Side;
  type: "limit" | "market";
  time_in_force: "GTC" | "IOC" | "FOK";
  post_only: boolean;
  status: OrderStatus;
  reason?: string;
  quantity: string;
  price: string;
  filled_quantity: string;
  remaining_quantity: string;
  average_price: string;
  fees: string;
  fee_currency: string;
  created_at: number;
  updated_at: number;
  sequence?: number;
}

/** A trade of one's own. */
export interface UserTrade {
  trade_id: string;
  order_id: string;
  client_order_id: string | null;
  symbol: string;
  side: Side;
  quantity: string;
  price: string;
  fee: string;
  fee_currency: string;
  role: "maker" | "taker";
  timestamp: number;
  sequence: number;
}

/** The envelope of every message; only messages of a channel have `channel`. */
export interface Envelope {
  id: string | number;
  type: string;
  channel?: string;
  data: Record<string, unknown>;
  timestamp: number;
}

/** Return the message in `text`, or `null` if it is none. */
export function decode(text: string): Envelope | null {
  try {
    const message = JSON.parse(text) as Envelope | null;
    const whole = typeof message?.type === "string" && typeof message.data === "object" && message.data !== null;
    return whole ? message : null;
  } catch {
    return null;
  }
}
