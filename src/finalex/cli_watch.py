"""The command line's live view of a market: `finalex watch`."""

import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from finalex.cli_client import URL_DEFAULT, Url, run_client
from finalex.protocol.streams import DEPTH_DEFAULT, DEPTHS, INTERVAL_DEFAULT, INTERVALS

_EXAMPLES = """\
Examples:
  finalex watch BTC/USDT
  finalex watch ETH/USDT --interval 5m --depth 50
  finalex watch BTC/USDT --url wss://ws.finalex.io

It takes the whole terminal, at any size; q, Esc or Ctrl-C leaves. A lost
connection is made again, and shown. For pipes there is 'finalex tail'.
"""

watch = App(name="watch", help="Show a market live: order book, trades, candles.", help_epilogue=_EXAMPLES)


@watch.default
def _watch(
    symbol: Annotated[str, Parameter(help="The market, such as BTC/USDT.")],
    /,
    *,
    url: Url = URL_DEFAULT,
    depth: Annotated[int, Parameter(help=f"Levels a side: {', '.join(map(str, DEPTHS))}.")] = DEPTH_DEFAULT,
    interval: Annotated[str, Parameter(help=f"Of the candles: {', '.join(INTERVALS)}.")] = INTERVAL_DEFAULT,
) -> int:
    """Show a market live: order book, trades, candles."""
    if depth not in DEPTHS:
        raise CycloptsError(msg=f"--depth must be one of {', '.join(map(str, DEPTHS))}.")
    if interval not in INTERVALS:
        raise CycloptsError(msg=f"--interval must be one of {', '.join(INTERVALS)}.")
    if not sys.stdout.isatty():
        raise OSError("'finalex watch' needs a terminal; 'finalex tail' writes to pipes and files.")
    from rich.console import Console  # what it takes is not loaded for the other commands

    from finalex.terminal.address import check_address
    from finalex.terminal.watch import watch

    try:
        check_address(url)
    except ValueError as error:
        raise CycloptsError(msg=str(error)) from None
    run_client(watch(url, symbol, depth, interval, Console()))
    return 0
