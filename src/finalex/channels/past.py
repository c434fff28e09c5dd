"""The past that a rerun starts from, and what can be told from there."""

from collections.abc import Mapping, Sequence

import msgspec

from finalex.channels.journal import Memory
from finalex.channels.places import LogPlace, OpeningPlace, TradePlace, batch_end
from finalex.channels.resumable import Want
from finalex.exchange.order import Order

NO_MEMORY = Memory(trades_max=1, account_max=1, updates_max=1, fills_max=1)
"""For channels that are asked for nothing past."""


class Past(msgspec.Struct, frozen=True):
    """What was so after the batch `sequence`.

    `trades` are the numbers of each symbol's last trade, `orders` the open orders of one account, oldest first, and
    `number` is that of its last message. `fills` are the numbers of the last fills in markets from outside.
    """

    sequence: int = 0
    trades: Mapping[str, int] = {}
    orders: Sequence[Order] = ()
    number: int = 0
    fills: Mapping[str, int] = {}


class HoleError(Exception):
    """The log did not hold everything that was published."""


def is_within(want: Want, past: Past, messages_max: int) -> bool:
    """Whether the log after `past` tells everything that `want` asks for, in about `messages_max` messages at most."""
    match want.after:
        case TradePlace(symbol, trade) if not want.stream.private:
            return past.trades.get(symbol, 0) <= trade and want.number - trade <= messages_max
        case TradePlace(symbol, trade):
            begun = past.fills.get(symbol, past.trades.get(symbol, 0)) < trade
        case OpeningPlace(sequence):
            begun = past.sequence <= sequence
        case LogPlace() as place:
            begun = batch_end(past.sequence) <= place
    return begun and want.number - past.number <= messages_max
