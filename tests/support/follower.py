"""A client that follows a session to the letter of the protocol: at every message it checks what may come now."""

from itertools import count
from typing import Any

from finalex.protocol.requests import Subscription
from finalex.protocol.streams import Stream
from support.conversation import House
from support.resuming import Message

MINUTE_MS = 60_000

Item = dict[str, Any]


class Book:
    """A book from a snapshot and updates, both sides as text; `levels` is `None` until the snapshot has come."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.levels: dict[str, dict[str, str]] | None = None
        self.sequence = 0

    def take(self, message: Message) -> None:
        """Apply a message: an update needs a book, and the number after its own."""
        data = message["data"]
        assert data["depth"] == self.depth
        if message["type"] == "orderbook_snapshot":
            self.levels = {"buy": dict(data["bids"]), "sell": dict(data["asks"])}
        else:
            assert self.levels is not None, "an update before the snapshot"
            assert data["sequence"] == self.sequence + 1
            side = self.levels[data["side"]]
            assert (data["action"] == "add") == (data["price"] not in side)
            side[data["price"]] = data["quantity"]
            if data["action"] == "delete":
                del side[data["price"]]
        self.sequence = data["sequence"]


class Tape:
    """Trades without a gap; the first one follows `start`, unless that is `None`."""

    def __init__(self, start: int | None) -> None:
        self.last = start

    def take(self, message: Message) -> None:
        """Take the next one."""
        number = int(message["data"]["trade_id"])
        assert self.last in (None, number - 1)
        self.last = number


class Candles:
    """The ends of candles, one minute after the other; all from `owed_ms` on must come."""

    def __init__(self, owed_ms: int) -> None:
        self.owed_ms = owed_ms
        self.closed: list[int] = []

    def start_again(self) -> None:
        """The past was asked for again."""
        self.owed_ms = max(self.owed_ms, self.closed[-1] + MINUTE_MS) if self.closed else self.owed_ms
        self.closed = []

    def take(self, message: Message) -> None:
        """Take the next message, of the running candle or the end of one."""
        data = message["data"]
        assert not self.closed or data["open_time"] == self.closed[-1] + MINUTE_MS
        if data["is_closed"]:
            self.closed.append(data["open_time"])


class Ticker:
    """The last ticker."""

    def __init__(self) -> None:
        self.data: Item | None = None

    def take(self, message: Message) -> None:
        """Take the next one."""
        self.data = message["data"]


class Follower:
    """A connection of nobody in particular, and what it knows of each stream it is subscribed to."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client = house.connect()
        self.client.at_once = False
        self.client.seen.clear()
        self.views: dict[Stream, Book | Tape | Candles | Ticker] = {}
        self.behind = False
        self._ids = count()
        self._asked: dict[int, list[Item]] = {}

    def subscribe(self, items: list[Item]) -> None:
        """Subscribe, or subscribe again: trades then go on after the last one, and no other past is asked for."""
        asked = [self._item(item) for item in items]
        number = next(self._ids)
        self._asked[number] = asked
        self.client.request("subscribe", id=number, subscriptions=asked)
        self.follow()

    def unsubscribe(self, item: Item) -> None:
        """Unsubscribe."""
        self.client.request("unsubscribe", **item)
        self.follow()

    def follow(self) -> None:
        """Read what has come."""
        seen = self.client.seen.copy()
        self.client.seen.clear()
        for message in seen:
            match message["type"]:
                case "subscribed":
                    results = message["data"]["results"]
                    for item, result in zip(self._asked.pop(message["id"]), results, strict=True):
                        if "error" not in result:
                            self._begin(stream_of(result), item, result)
                case "unsubscribed":
                    self.views.pop(stream_of(message["data"]), None)
                case "connection_status":
                    self._fall_behind()
                case _:
                    assert message["channel"] == "trades" or not self.behind, "something lossy while behind"
                    self.views[stream_of(message | message["data"])].take(message)

    def _item(self, item: Item) -> Item:
        view = self.views.get(stream_of(item))
        if view is None:
            return item
        kept = {name: value for name, value in item.items() if name not in ("snapshot", "history")}
        if isinstance(view, Tape) and view.last is not None:
            kept["after"] = f"trades:{item['symbol']}:{view.last}"
        return kept

    def _begin(self, stream: Stream, item: Item, result: Item) -> None:
        view = self.views.get(stream)
        match stream.channel:
            case "orderbook":
                self.views[stream] = Book(result["depth"])
            case "trades" if result.get("resumed"):
                self.views[stream] = Tape(int(item["after"].rpartition(":")[2]))
            case "trades":
                last = self.house.desk.hub.state.next_trade(stream.symbol) - 1
                self.views[stream] = Tape(None if item.get("snapshot") else last)
            case "kline" if isinstance(view, Candles):
                if item.get("history"):
                    view.start_again()
            case "kline":
                running = self.house.desk.hub.opening(stream, Subscription("kline"))
                self.views[stream] = Candles(running[0].data.open_time if running else 0)  # type: ignore[attr-defined]
            case "ticker":
                self.views[stream] = view or Ticker()

    def _fall_behind(self) -> None:
        self.behind = True
        for view in self.views.values():
            if isinstance(view, Book):
                view.levels = None


def stream_of(item: Item) -> Stream:
    """Return the slot of the stream that a subscription, or a message, is of."""
    return Stream(item["channel"], item["symbol"], 0, item.get("interval", ""))
