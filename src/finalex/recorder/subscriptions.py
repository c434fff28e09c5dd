"""What is recorded: subscriptions, as somebody at a terminal writes them."""

from collections.abc import Iterable

from finalex.protocol.streams import Stream

SUBSCRIPTIONS_MAX = 150
"""A connection may have 100 public and 50 private ones."""

DEPTH = 1000
INTERVAL = "1m"
DEPTH_DIGITS_MAX = 6

_PARAMETERS = {"orderbook": "depth", "kline": "interval"}
"""What the third part of a text means, by channel."""

_FORM = "CHANNEL[:SYMBOL[:DEPTH or INTERVAL]], such as trades:BTC/USDT, orderbook:BTC/USDT:20 or account"


def choose_streams(symbols: Iterable[str], texts: Iterable[str]) -> list[Stream]:
    """Return what to subscribe to: the public channels of every symbol, and what each of `texts` names.

    What is named takes the place of what is there by default: there is one order book of a symbol. Raises
    `ValueError` with a sentence.
    """
    streams = {stream.slot: stream for symbol in symbols for stream in _public_streams(symbol)}
    streams |= {stream.slot: stream for stream in map(parse_stream, texts)}
    if not streams:
        raise ValueError("There is nothing to record: name a symbol or a subscription.")
    if len(streams) > SUBSCRIPTIONS_MAX:
        raise ValueError(f"There are {len(streams)} subscriptions, at most {SUBSCRIPTIONS_MAX} are possible.")
    return list(streams.values())


def parse_stream(text: str) -> Stream:
    """Return the stream that `CHANNEL[:SYMBOL[:DEPTH or INTERVAL]]` names; raises `ValueError` with a sentence.

    Whether it exists is for the server to say.
    """
    channel, *rest = text.split(":")
    parameter = _PARAMETERS.get(channel)
    if not all([channel, *rest]) or len(rest) > (2 if parameter else 1):
        raise ValueError(f"Subscription {text[:80]!r} must be of the form {_FORM}.")
    symbol, value = [*rest, "", ""][:2]
    if parameter == "interval":
        return Stream(channel, symbol, interval=value)
    return Stream(channel, symbol, depth=_depth(value, text) if value else 0)


def _depth(value: str, text: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= DEPTH_DIGITS_MAX and int(value)):
        raise ValueError(f"Subscription {text[:80]!r} must have a number of levels as its depth.")
    return int(value)


def _public_streams(symbol: str) -> list[Stream]:
    """Return trades first: what they cause comes after them then."""
    if not symbol:
        raise ValueError("A symbol is empty.")
    channels = (
        Stream("trades"),
        Stream("orderbook", depth=DEPTH),
        Stream("ticker"),
        Stream("kline", interval=INTERVAL),
    )
    return [stream._replace(symbol=symbol) for stream in channels]
