"""A stream of as many messages as wanted, made of captured ones that are played in a circle.

What a client checks is right in it: trades, books and ids are numbered on, a book comes back to where the circle
began, and all candles are of one interval that has not ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import msgspec

from bench.clients.capture import Message
from finalex.gateway.framing import frame_text

FEEDS = {
    "trades": ("trades",),
    "ticker": ("ticker",),
    "book": ("orderbook",),
    "all": ("ticker", "trades", "orderbook", "kline"),
}
"""What is measured, and the channels that it takes."""

FIRST = 1_000_000_000
"""The number of the first message: all numbers have as many digits."""


@dataclass(frozen=True)
class Feed:
    """The frames of a feed: `opening` is the present state, at once after the subscription; then comes `body`.

    `counts` says how many messages of each channel the body has.
    """

    channels: tuple[str, ...]
    opening: tuple[bytes, ...]
    body: bytes
    counts: dict[str, int]

    @property
    def messages(self) -> int:
        """How many messages there are, the opening included."""
        return len(self.opening) + sum(self.counts.values())


def make_feed(name: str, captured: Sequence[Message], count: int) -> Feed:
    """Return `count` messages of a feed; raises `ValueError` if not one was captured."""
    channels = FEEDS[name]
    snapshot = next((message for message in captured if message["type"] == "orderbook_snapshot"), None)
    circle = [message for message in _circle(captured) if message["channel"] in channels]
    if not circle:
        raise ValueError(f"nothing was captured of {name}")
    opening = []
    if snapshot is not None and "orderbook" in channels:
        opening.append(_frame(_numbered(snapshot, FIRST - 1)))
    counts = dict.fromkeys(channels, 0)
    frames = []
    for message in islice(cycle(circle), count):
        channel = message["channel"]
        frames.append(_frame(_numbered(message, FIRST + counts[channel])))
        counts[channel] += 1
    return Feed(channels, tuple(opening), b"".join(frames), counts)


def _circle(captured: Sequence[Message]) -> Iterator[Message]:
    """Yield the messages after which the state is what it was before them."""
    candles = [message["data"]["open_time"] for message in captured if message["type"] == "kline"]
    snapshot, book = None, _Book()
    for message in captured:
        kind, data = message["type"], message["data"]
        if kind == "orderbook_snapshot":
            snapshot = message
            book = _Book(data)
            continue
        if kind == "kline" and (data["open_time"] != candles[-1] or data["is_closed"]):
            continue
        if kind == "orderbook_update":
            book.apply(data)
            last = message
        yield message
    if snapshot is not None:
        for change in book.changes_to(_Book(snapshot["data"])):
            yield last | {"data": last["data"] | change}


class _Book:
    """The levels of both sides."""

    def __init__(self, snapshot: Message | None = None) -> None:
        given = snapshot or {"bids": [], "asks": []}
        self._sides = {"buy": dict(given["bids"]), "sell": dict(given["asks"])}

    def apply(self, update: Message) -> None:
        """Apply one update."""
        side = self._sides[update["side"]]
        if update["action"] == "delete":
            side.pop(update["price"], None)
        else:
            side[update["price"]] = update["quantity"]

    def changes_to(self, other: "_Book") -> Iterator[dict[str, str]]:
        """Yield what has to be updated to make this book the `other`."""
        for name, side in self._sides.items():
            wanted = other._sides[name]
            for price, quantity in side.items():
                if price not in wanted:
                    yield {"side": name, "price": price, "quantity": quantity, "action": "delete"}
            for price, quantity in wanted.items():
                if side.get(price) != quantity:
                    action = "update" if price in side else "add"
                    yield {"side": name, "price": price, "quantity": quantity, "action": action}


def _numbered(message: Message, number: int) -> Message:
    """Return a message as the one with this number in its channel."""
    data: dict[str, Any] = dict(message["data"])
    if "trade_id" in data:
        data["trade_id"] = str(number)
    if "sequence" in data:
        data["sequence"] = number
    id_ = f"{message['channel']}:{data['symbol']}:{number}"
    return message | {"id": id_, "data": data}


def _frame(message: Message) -> bytes:
    return frame_text(msgspec.json.encode(message))
