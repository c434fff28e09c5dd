"""What can go wrong on purpose."""

from enum import StrEnum


class Fault(StrEnum):
    """One kind of fault; `RESTART` and `REFUSAL` are the server's, all others those of one connection."""

    RESET = "reset"
    CUT = "cut"
    SILENCE = "silence"
    LOST_REPLY = "lost_reply"
    BOOK_GAP = "book_gap"
    TRADE_GAP = "trade_gap"
    STALL = "stall"
    MUTE = "mute"
    RATE_LIMIT = "rate_limit"
    RESTART = "restart"
    REFUSAL = "refusal"

    @property
    def sentence(self) -> str:
        """What it does."""
        return _SENTENCES[self]


_SENTENCES = {
    Fault.RESET: "the connection is reset (TCP RST), without a close frame",
    Fault.CUT: "the connection ends in the middle of a message, without a close frame",
    Fault.SILENCE: "nothing passes any more in either direction, and neither side is told",
    Fault.LOST_REPLY: "the next acceptance of an order is lost, and the connection reset: the order was placed",
    Fault.BOOK_GAP: "one update of an order book is left out",
    Fault.TRADE_GAP: "one trade is left out",
    Fault.STALL: "the network takes nothing for a while: the client lags, and then catches up",
    Fault.MUTE: "pings are not answered any more on this connection",
    Fault.RATE_LIMIT: "the next request is refused with RATE_LIMIT_EXCEEDED, and requests are dropped for a while",
    Fault.RESTART: "the server says that it closes, closes with 1012, and takes nobody for a while",
    Fault.REFUSAL: "a handshake is answered with HTTP 503",
}

LINE_FAULTS = tuple(fault for fault in Fault if fault not in (Fault.RESTART, Fault.REFUSAL))
"""Those that happen to one connection at one of its messages."""

ON_REQUEST = (*LINE_FAULTS, Fault.RESTART)
"""Those that a client can ask for; a restart is then one for itself alone."""
