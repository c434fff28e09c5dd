"""Places in a stream, as the ids of its messages name them: what somebody who comes back has seen."""

import re
from typing import NamedTuple

from finalex.channels.parameters import quote
from finalex.protocol.errors import ErrorCode, RequestError

_NUMBER = r"(0|[1-9][0-9]{0,17})"
_TRADE = re.compile(rf"(trades|user_trades):([^:]{{1,64}}):{_NUMBER}")
_ORDER = re.compile(rf"orders:{_NUMBER}-{_NUMBER}(|-m|-t|:snapshot)")

_OPENING = ":snapshot"

_EVENT_END = 10**18
"""Above the place of any event in its batch."""


class TradePlace(NamedTuple):
    """After a trade; `trade` counts the trades of `symbol`."""

    symbol: str
    trade: int


class LogPlace(NamedTuple):
    """After a message that the event at place `event` (from 0) of the batch `sequence` caused.

    `part` tells messages of one event apart: `-m` for a maker's, `-t` for a taker's. Places compare in the order of
    the log.
    """

    sequence: int
    event: int
    part: str = ""


class OpeningPlace(NamedTuple):
    """After the order numbered `order` in the list of those that were open after the batch `sequence`."""

    sequence: int
    order: int


Place = TradePlace | LogPlace | OpeningPlace


def batch_end(sequence: int) -> LogPlace:
    """Return the place after everything that the batch `sequence` caused."""
    return LogPlace(sequence, _EVENT_END)


def trade_place(channel: str, symbol: str, text: str) -> TradePlace:
    """Return the place that an id of `trades` or `user_trades` names; `symbol` is empty if any may be in it.

    Raises `RequestError` if `text` is no id of that channel, or of another symbol.
    """
    found = _TRADE.fullmatch(text)
    if found is None or found[1] != channel or (symbol and found[2] != symbol):
        raise _no_id(text, f"{channel}:{symbol or 'BTC/USDT'}:17")
    return TradePlace(found[2], int(found[3]))


def order_place(text: str) -> LogPlace | OpeningPlace:
    """Return the place that an id of `orders` names; raises `RequestError` if `text` is none."""
    found = _ORDER.fullmatch(text)
    if found is None:
        raise _no_id(text, "orders:17-0")
    sequence, number, part = int(found[1]), int(found[2]), found[3]
    return OpeningPlace(sequence, number) if part == _OPENING else LogPlace(sequence, number, part)


def _no_id(text: str, example: str) -> RequestError:
    details = f"'after' must be the id of a message of this subscription, like '{example}', and {quote(text)} is none"
    return RequestError(ErrorCode.INVALID_PARAMS, details)
