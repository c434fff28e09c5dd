"""The formats of recordings: what there is to know about each kind of file.

In all of them a line is `<local receive time, ns> <JSON>`, and a file is plain text or gzip.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from finalex.sources import binance, finalex
from finalex.sources.messages import Message


class Format(NamedTuple):
    """One kind of recording.

    `decode` raises `ValueError` for what is no message of this kind. What begins like `no_book` is no update of a
    book, whatever follows. `one_market` tells that a file is about the market of its first message alone.
    `clock_skew_ms_max` is how far an exchange's clock may be from the recorder's; `None` if they have nothing to do
    with each other, since the recorded server may itself have played a recording.
    """

    name: str
    decode: Callable[[bytes], Message]
    no_book: re.Pattern[bytes]
    one_market: bool
    clock_skew_ms_max: int | None


FORMATS = (
    Format("Binance", binance.decode, binance.NO_BOOK, one_market=True, clock_skew_ms_max=binance.CLOCK_SKEW_MS_MAX),
    Format("Finalex", finalex.decode, finalex.NO_BOOK, one_market=False, clock_skew_ms_max=None),
)
"""A file is of the first format that understands one of its lines."""
