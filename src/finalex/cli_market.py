"""The command line's kill switch, on a server that runs: `finalex halt`, `finalex open`, `finalex markets`."""

from typing import Annotated

from cyclopts import App, Parameter

from finalex.admin.messages import MarketsReply, SetMarket, ShowMarkets
from finalex.cli_admin import ask_server
from finalex.cli_keys import REACH, ConfigFile
from finalex.model.states import MarketState
from finalex.settings.flags import with_flags
from finalex.tables import text_table

EVERY_MARKET = "all"

MarketArgument = Annotated[str, Parameter(help="A market such as BTC/USDT, or 'all'.")]
ReasonOption = Annotated[str, Parameter(help="Why: everybody can read it on the channel 'status'.")]
CancelOnlySwitch = Annotated[bool, Parameter(help="Let orders still be canceled.", negative=(), show_default=False)]
PostOnlySwitch = Annotated[
    bool,
    Parameter(
        help="Let post-only orders be placed and all be canceled: nothing trades.", negative=(), show_default=False
    ),
]

_EXAMPLES = """\
Examples:
  finalex halt all --reason "prices look wrong"
  finalex halt BTC/USDT --cancel-only
  finalex open all
  finalex markets

They act on the server that runs on the data directory. A market is in its
new state, durably, once the command says so; it stays so over restarts.
"""

markets = App(name="markets", help="Say in which state each market is.", help_epilogue=_EXAMPLES)
halt = App(name="halt", help="Stop a market, or all of them.", help_epilogue=_EXAMPLES)
open_market = App(name="open", help="Let a market, or all of them, go on.", help_epilogue=_EXAMPLES)


@halt.default
@with_flags(REACH)
def _halt(
    symbol: MarketArgument,
    /,
    *,
    reason: ReasonOption = "",
    cancel_only: CancelOnlySwitch = False,
    post_only: PostOnlySwitch = False,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Stop a market: no order is placed, and none canceled unless a switch says so.

    With both switches, the stricter one counts.
    """
    state = MarketState.CANCEL_ONLY if cancel_only else MarketState.POST_ONLY if post_only else MarketState.HALTED
    return _set(symbol, state, reason, flags, config)


@open_market.default
@with_flags(REACH)
def _open(symbol: MarketArgument, /, *, reason: ReasonOption = "", config: ConfigFile = "", **flags: str | bool) -> int:
    """Let a market, or all of them, go on."""
    return _set(symbol, MarketState.OPEN, reason, flags, config)


@markets.default
@with_flags(REACH)
def _markets(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Say in which state each market is."""
    _print(ask_server(ShowMarkets(), MarketsReply, flags, config))
    return 0


def _set(symbol: str, state: MarketState, reason: str, flags: dict[str, str | bool], config: str) -> int:
    request = SetMarket(symbol=None if symbol == EVERY_MARKET else symbol, state=state, reason=reason)
    _print(ask_server(request, MarketsReply, flags, config))
    return 0


def _print(reply: MarketsReply) -> None:
    print(text_table(("MARKET", "STATE", "REASON"), [(m.symbol, m.state.value, m.reason) for m in reply.markets]))
