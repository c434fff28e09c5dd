"""The command line's recorder: `finalex record`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from finalex.cli_client import TokenFile, credentials
from finalex.recorder.address import parse_address
from finalex.recorder.subscriptions import choose_streams

_EXAMPLES = """\
Examples:
  finalex record --symbol BTC/USDT --out btc.gz
  finalex record --url wss://ws.finalex.io --symbol BTC/USDT --symbol ETH/USDT --duration 1h --out hour.gz
  finalex record --subscribe trades:BTC/USDT --subscribe orderbook:BTC/USDT:20 --out small.txt
  finalex record --subscribe account --subscribe orders --token-file token --out mine.gz
  finalex serve --source replay:btc.gz

Of every --symbol it records trades, the order book (1000 levels a side), the
ticker and candles of a minute; --subscribe adds CHANNEL[:SYMBOL[:DEPTH or
INTERVAL]]. It ends with --duration, with Ctrl-C or with SIGTERM. A lost
connection is made again, and marked in the file.

Private channels take a token or an API key: in the environment, as
FINALEX_TOKEN or FINALEX_API_KEY, or the token in a file.
"""

record = App(name="record", help="Write down what a server sends its clients.", help_epilogue=_EXAMPLES)


@record.default
def _record(
    *,
    out: Annotated[Path, Parameter(help="The file, new; gzip if its name ends with .gz.")],
    url: Annotated[str, Parameter(help="The server's WebSocket address.")] = "ws://localhost:8081",
    symbol: Annotated[
        list[str] | None, Parameter(help="A market to record; may be repeated.", show_default=False, negative=())
    ] = None,
    subscribe: Annotated[
        list[str] | None, Parameter(help="A subscription; may be repeated.", show_default=False, negative=())
    ] = None,
    duration: Annotated[
        timedelta | None, Parameter(help="How long, such as 90s, 30m or 1h30m; else until stopped.", show_default=False)
    ] = None,
    token_file: TokenFile = None,
) -> int:
    """Write down what a server sends its clients."""
    seconds = None if duration is None else duration.total_seconds()
    if seconds is not None and seconds <= 0:
        raise CycloptsError(msg="The duration must be more than 0.")
    token, api_key = credentials(token_file)
    try:
        address = parse_address(url, token, api_key)
        streams = choose_streams(symbol or (), subscribe or ())
    except ValueError as error:
        raise CycloptsError(msg=str(error)) from None
    from finalex.recorder.program import run  # what it takes is not loaded for the other commands

    return run(address, streams, out, seconds)
