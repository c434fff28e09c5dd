"""The market behind a `FakeServer`: what a test makes happen, and what its subscribers are told of it."""

from abc import ABC, abstractmethod
from decimal import Decimal
from itertools import count
from typing import Any

from finalex.protocol.errors import ErrorCode

Message = dict[str, Any]

_EMPTY: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}


class FakeMarket(ABC):
    """Trades, books, tickers, candles, balances and orders, as a test sets them.

    Numbers are text; the prices of a symbol all have the same number of decimals. Times are 0 unless given.
    """

    def __init__(self) -> None:
        self.subscribed: set[str] = set()
        self.orders: dict[str, Message] = {}
        self._past: dict[str, list[Message]] = {"orders": [], "user_trades": []}
        self._latest: dict[str, Message] = {}
        self._statuses: dict[str, Message] = {}
        self._books: dict[str, dict[str, dict[str, str]]] = {}
        self._sequences: dict[str, int] = {}
        self._placed: dict[str, Message] = {}
        self._forgotten = False
        self._rejection: str | None = None
        self._log = count(1)

    _depth = 20

    @abstractmethod
    def publish(self, message: Message) -> None:
        """Send a message of a channel to the client."""

    # --- what a test makes happen -----------------------------------------------------------------------

    def trade(self, symbol: str, price: str, quantity: str, side: str = "buy") -> int:
        """Let a trade happen; return its id, which counts the symbol's trades."""
        past = self._past.setdefault(f"trades {symbol}", [])
        number = len(past) + 1
        data = {"symbol": symbol, "trade_id": str(number), "price": price, "quantity": quantity, "side": side}
        self._tell(f"trades {symbol}", "trade", f"trades:{symbol}:{number}", data | {"timestamp": 0})
        return number

    def ticker(self, symbol: str, price: str, **values: str) -> None:
        """Let the ticker change; `values` are its other fields, which are `0` unless given."""
        names = ("change_24h", "change_percent_24h", "volume_24h", "quote_volume_24h", "high_24h", "low_24h")
        data = {"symbol": symbol, "price": price, "bid": price, "ask": price, **dict.fromkeys(names, "0"), **values}
        self._tell_state(f"ticker {symbol}", "ticker", data | {"timestamp": 0})

    def candle(self, symbol: str, interval: str, open_time: int, close: str, *, closed: bool = False) -> None:
        """Let a candle be as given, with `close` for all its prices."""
        prices = dict.fromkeys(("open", "high", "low", "close"), close)
        times = {"open_time": open_time, "close_time": open_time, "is_closed": closed, "volume": "1"}
        data = {"symbol": symbol, "interval": interval, **times, **prices}
        self._tell(f"kline {symbol} {interval}", "kline", f"kline:{symbol}:{interval}:{open_time}", data)

    def status(self, symbol: str, state: str = "open", *, book: str = "live", reason: str | None = None) -> None:
        """Let a market's status be as given: `state` is `open`, `post_only`, `cancel_only` or `halted`.

        No order or cancel is refused because of it: that is for `reject_next`.
        """
        data = {"symbol": symbol, "state": state, "book": book, "timestamp": 0} | ({"reason": reason} if reason else {})
        message = _message("status", "status", f"status:{symbol}:{next(self._log)}", data)
        self._statuses[symbol] = message
        if {f"status {symbol}", "status"} & self.subscribed:
            self.publish(message)

    def account(self, **available: str) -> None:
        """Let the balances be as given, by currency."""
        held = [{"currency": c, "available": a, "locked": "0", "total": a} for c, a in available.items()]
        self._tell_state("account", "account_update", {"balances": held, "timestamp": 0, "sequence": 0})

    def set_book(self, symbol: str, bids: dict[str, str], asks: dict[str, str]) -> None:
        """Let the order book be as given: quantities by price."""
        self._books[symbol] = {"bids": dict(bids), "asks": dict(asks)}
        self._sequences[symbol] = self._sequences.get(symbol, 0) + 1
        if f"orderbook {symbol}" in self.subscribed:
            self.publish(self._snapshot(symbol))

    def change_book(self, symbol: str, side: str, price: str, quantity: str, *, told: bool = True) -> None:
        """Set one level; `"0"` removes it. Not `told`, the update gets lost and leaves a gap in the sequences."""
        levels = self._books.setdefault(symbol, {"bids": {}, "asks": {}})["bids" if side == "buy" else "asks"]
        removed = not quantity.strip("0.")
        action = "delete" if removed else "update" if price in levels else "add"
        levels.pop(price, None)
        if not removed:
            levels[price] = quantity
        sequence = self._sequences[symbol] = self._sequences.get(symbol, 0) + 1
        if told and f"orderbook {symbol}" in self.subscribed:
            level = {"side": side, "price": price, "quantity": quantity, "action": action}
            data = {"symbol": symbol, "depth": self._depth, **level, "timestamp": 0, "sequence": sequence}
            self.publish(_message("orderbook", "orderbook_update", f"orderbook:{symbol}:{sequence}", data))

    def fill(self, order_id: str) -> None:
        """Fill an open order wholly, at its price."""
        order = self.orders.pop(order_id)
        order |= {"status": "filled", "filled_quantity": order["quantity"], "remaining_quantity": "0"}
        self._tell_order(order)
        same = {name: order[name] for name in ("order_id", "client_order_id", "symbol", "side", "quantity", "price")}
        number = len(self._past["user_trades"]) + 1
        data = same | {"trade_id": f"trade_{number}", "fee": "0", "fee_currency": "", "role": "maker"}
        name = f"user_trades:{order['symbol']}:{number}"
        self._tell("user_trades", "user_trade", name, data | {"timestamp": 0, "sequence": 0})

    def reject_next(self, reason: str) -> None:
        """Reject the next order or cancel."""
        self._rejection = reason

    def forget(self) -> None:
        """From now on nothing can be resumed: every `after` is answered `resumed: false`."""
        self._forgotten = True

    # --- subscriptions ----------------------------------------------------------------------------------

    def join(self, item: Message) -> tuple[Message, list[Message]]:
        """Subscribe to an item; return its result and what comes at once."""
        name = _name(item)
        self.subscribed.add(name)
        result = dict(item)
        if item["channel"] == "heartbeat":
            rows = [{"channel": "orders", "last_id": None}] if not self._past["orders"] else []
            name = f"heartbeat:{next(self._log)}"
            return result, [_message("heartbeat", "heartbeat", name, {"subscriptions": rows, "timestamp": 0})]
        if item["channel"] == "orderbook":
            self._depth = item.get("depth", 20)
            return result, [self._snapshot(item["symbol"])]
        if item["channel"] == "status":
            wanted = (item["symbol"],) if "symbol" in item else tuple(self._statuses)
            present = [self._statuses[symbol] for symbol in wanted if symbol in self._statuses]
            return result, [message | {"id": f"{message['id']}:snapshot"} for message in present]
        if item["channel"] in ("ticker", "account"):
            return result, [self._latest[name]] if name in self._latest else []
        if item["channel"] == "kline":
            return result, self._candles(name, item.get("history", 0))
        return self._resume(name, item, result)

    def leave(self, item: Message) -> None:
        """Unsubscribe from an item."""
        self.subscribed.discard(_name(item))

    def _resume(self, name: str, item: Message, result: Message) -> tuple[Message, list[Message]]:
        past = self._past.setdefault(name, [])
        if "after" in item:
            ids = [message["id"] for message in past]
            seen = ids.index(item["after"]) + 1 if item["after"] in ids else 0
            if not self._forgotten:
                return result | {"resumed": True}, past[seen:]
            result = result | {"resumed": False}
        if name == "orders":
            newest = {message["data"]["order_id"]: message for message in past}
            return result, [newest[order_id] for order_id in self.orders]
        return result, past[-item["snapshot"] :] if item.get("snapshot") else []

    def _candles(self, name: str, history: int) -> list[Message]:
        past = self._past.get(name, [])
        closed = [message for message in past if message["data"]["is_closed"]]
        return (closed[-history:] if history else []) + [m for m in past[-1:] if not m["data"]["is_closed"]]

    # --- orders -----------------------------------------------------------------------------------------

    def carry_out(self, method: str, params: Message) -> tuple[str, Message]:
        """Carry out a request about orders; return type and data of the reply."""
        if method == "cancel_on_disconnect":
            return method, params
        if method == "place_order":
            return self._place(params)
        if self._rejection is not None:
            return self._reject()
        if method == "cancel_all_orders":
            chosen = [o["order_id"] for o in self.orders.values() if params.get("symbol") in (None, o["symbol"])]
        else:
            names = ("order_id", "client_order_id")
            chosen = [k for k, o in self.orders.items() if any(n in params and o[n] == params[n] for n in names)]
            if not chosen:
                return "error", {"code": ErrorCode.NOT_FOUND, "details": "no such open order"}
        for order_id in chosen:
            self._tell_order(self.orders.pop(order_id) | {"status": "canceled"})
        return "orders_canceled", {"order_ids": chosen}

    def _place(self, params: Message) -> tuple[str, Message]:
        name = params["client_order_id"]
        if name not in self._placed:
            if self._rejection is not None:
                return self._reject()
            order = self._new_order(params)
            self._placed[name] = dict(order)
            self.orders[order["order_id"]] = order
            self._tell_order(order)
        return "order_accepted", self._placed[name]

    def _reject(self) -> tuple[str, Message]:
        reason, self._rejection = self._rejection, None
        return "error", {"code": ErrorCode.ORDER_REJECTED, "details": f"'{reason}'", "reason": reason}

    def _new_order(self, params: Message) -> Message:
        asked = {"price": "0", "time_in_force": "GTC", "post_only": False, **params}
        amounts = {"filled_quantity": "0", "remaining_quantity": params["quantity"], "average_price": "0", "fees": "0"}
        order_id = f"order-{len(self._placed) + 1}"
        return {"order_id": order_id, **asked, **amounts, "status": "new", "fee_currency": "", "created_at": 0} | {
            "updated_at": 0
        }

    # --- telling ----------------------------------------------------------------------------------------

    def _tell_order(self, order: Message) -> None:
        self._tell("orders", "order_update", f"orders:{next(self._log)}-0", dict(order))

    def _tell(self, name: str, kind: str, message_id: str, data: Message) -> None:
        message = _message(name.split()[0], kind, message_id, data)
        self._past.setdefault(name, []).append(message)
        if name in self.subscribed:
            self.publish(message)

    def _tell_state(self, name: str, kind: str, data: Message) -> None:
        message = self._latest[name] = _message(name.split()[0], kind, f"{name}:{next(self._log)}", data)
        if name in self.subscribed:
            self.publish(message)

    def _snapshot(self, symbol: str) -> Message:
        book = self._books.get(symbol, _EMPTY)
        bids = sorted(book["bids"].items(), key=lambda level: -Decimal(level[0]))
        asks = sorted(book["asks"].items(), key=lambda level: Decimal(level[0]))
        sequence = self._sequences.get(symbol, 0)
        data = {"symbol": symbol, "depth": self._depth, "bids": bids, "asks": asks, "sequence": sequence}
        name = f"orderbook:{symbol}:{sequence}:snapshot"
        return _message("orderbook", "orderbook_snapshot", name, data | {"timestamp": 0})


def _message(channel: str, kind: str, message_id: str, data: Message) -> Message:
    return {"id": message_id, "type": kind, "channel": channel, "data": data}


def _name(item: Message) -> str:
    return " ".join(str(item[part]) for part in ("channel", "symbol", "interval") if part in item)
