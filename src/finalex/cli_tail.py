"""The command line's way to the server's messages: `finalex tail`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from finalex.cli_client import URL_DEFAULT, TokenFile, TokenText, Url, credentials, run_client
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS, HISTORY_MAX, INTERVAL_DEFAULT, INTERVALS, Stream

_EXAMPLES = """\
Examples:
  finalex tail trades BTC/USDT
  finalex tail orderbook BTC/USDT --depth 5 | jq -c .data
  finalex tail kline BTC/USDT --interval 1h --history 24 --count 24
  finalex tail status
  FINALEX_TOKEN=$(finalex token --user alice) finalex tail orders

Channels: ticker, orderbook, trades, kline, status (of all markets without a
symbol), and with a token or an API key account, orders, user_trades, which
take no symbol.

Every line is one message, exactly as the server sent it, and is written at
once. A lost connection is made again: what was missed comes, or a sentence on
stderr says that it is missing.

FINALEX_TOKEN or FINALEX_API_KEY in the environment log in.
"""

tail = App(name="tail", help="Print a channel's messages, one JSON object a line.", help_epilogue=_EXAMPLES)

Past = Number(gte=0, lte=HISTORY_MAX)


@tail.default
def _tail(
    channel: Annotated[str, Parameter(help="The channel.")],
    symbol: Annotated[str, Parameter(help="The market, such as BTC/USDT.", show_default=False)] = "",
    /,
    *,
    url: Url = URL_DEFAULT,
    depth: Annotated[int | None, Parameter(help="Of orderbook: levels a side.", show_default=False)] = None,
    interval: Annotated[str | None, Parameter(help="Of kline: 1m to 1M.", show_default=False)] = None,
    history: Annotated[
        int | None, Parameter(help="Of kline: so many closed candles first.", validator=Past, show_default=False)
    ] = None,
    snapshot: Annotated[
        int | None,
        Parameter(help="Of trades and user_trades: so many past ones first.", validator=Past, show_default=False),
    ] = None,
    count: Annotated[
        int | None, Parameter(help="End after so many messages.", validator=Number(gte=1), show_default=False)
    ] = None,
    token_file: TokenFile = None,
    token: TokenText = None,
) -> int:
    """Print a channel's messages, one JSON object a line."""
    stream = _stream(channel, symbol, depth, interval)
    past = _past(channel, history=history, snapshot=snapshot)
    return _run(url, stream, past, count, token_file, token)


def _run(url: str, stream: Stream, past: int, count: int | None, token_file: Path | None, token: str | None) -> int:
    from finalex.terminal.address import check_address  # what it takes is not loaded for the other commands
    from finalex.terminal.tail import interrupt_at_once, tail

    try:
        check_address(url)
    except ValueError as error:
        raise CycloptsError(msg=str(error)) from None
    token, api_key = credentials(token_file, token)
    interrupt_at_once()
    run_client(tail(url, stream, past, count, sys.stdout.buffer, _say, token=token, api_key=api_key))
    return 0


def _stream(channel: str, symbol: str, depth: int | None, interval: str | None) -> Stream:
    from finalex.terminal.relay import ALL_MARKETS_CHANNEL, CHANNELS, PRIVATE_CHANNELS

    if channel not in CHANNELS:
        raise CycloptsError(msg=f"There is no channel '{channel}'; there are {', '.join(CHANNELS)}.")
    if channel in PRIVATE_CHANNELS and symbol:
        raise CycloptsError(msg=f"The channel '{channel}' takes no symbol.")
    if channel not in (*PRIVATE_CHANNELS, ALL_MARKETS_CHANNEL) and not symbol:
        raise CycloptsError(msg=f"The channel '{channel}' takes a symbol, such as BTC/USDT.")
    _only(channel, "orderbook", "--depth", depth)
    _only(channel, "kline", "--interval", interval)
    if depth is not None and depth not in DEPTHS:
        raise CycloptsError(msg=f"--depth must be one of {', '.join(map(str, DEPTHS))}.")
    if interval is not None and interval not in INTERVALS:
        raise CycloptsError(msg=f"--interval must be one of {', '.join(INTERVALS)}.")
    match channel:
        case "orderbook":
            return Stream(channel, symbol, depth=depth or DEPTH_DEFAULT)
        case "kline":
            return Stream(channel, symbol, interval=interval or INTERVAL_DEFAULT)
        case _:
            return Stream(channel, symbol)


def _past(channel: str, *, history: int | None, snapshot: int | None) -> int:
    _only(channel, "kline", "--history", history)
    if channel != "user_trades":
        _only(channel, "trades", "--snapshot", snapshot)
    return history or snapshot or 0


def _only(channel: str, taking: str, flag: str, value: object) -> None:
    if value is not None and channel != taking:
        raise CycloptsError(msg=f"{flag} means nothing for '{channel}', but for '{taking}'.")


def _say(sentence: str) -> None:
    print(f"finalex: {sentence}.", file=sys.stderr, flush=True)
