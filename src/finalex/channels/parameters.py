"""The parameters of a subscription: checked here, once for all channels."""

from finalex.model.instruments import Instruments
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.streams import HISTORY_MAX

NAME_LENGTH_MAX = 64
"""A longer text of a client is cut where an error quotes it."""


def quote(text: str) -> str:
    """Return `text` in quotation marks, cut if it is long."""
    return f"'{text}'" if len(text) <= NAME_LENGTH_MAX else f"'{text[:NAME_LENGTH_MAX]}…'"


def require_symbol(symbol: str | None, instruments: Instruments) -> str:
    """Return `symbol`; raises `RequestError` if there is none, or no such instrument."""
    if symbol is None:
        raise RequestError(ErrorCode.INVALID_PARAMS, f"'symbol' is missing, for instance {_example(instruments)}")
    if symbol in instruments:
        return symbol
    nearest = instruments.nearest(symbol)
    hint = f"; did you mean '{nearest}'?" if nearest else f"; symbols look like {_example(instruments)}"
    raise RequestError(ErrorCode.INVALID_SYMBOL, f"Symbol {quote(symbol)} does not exist{hint}")


def optional_symbol(symbol: str | None, instruments: Instruments) -> str:
    """Return `symbol`, or an empty text for all of them; raises `RequestError` if there is no such instrument."""
    return "" if symbol is None else require_symbol(symbol, instruments)


def past_count(name: str, value: int | bool | None) -> int:
    """Return how many past messages the parameter `name` asks for; raises `RequestError`."""
    if value is None:
        return 0
    if isinstance(value, bool) or not 0 <= value <= HISTORY_MAX:
        raise RequestError(ErrorCode.INVALID_PARAMS, f"'{name}' must be a whole number from 0 to {HISTORY_MAX}")
    return value


def _example(instruments: Instruments) -> str:
    return f"'{next(iter(instruments), 'BTC/USDT')}'"
