"""The registry: every channel, in the order in which they see an event."""

from finalex.channels.account import AccountChannel
from finalex.channels.channel import Channel
from finalex.channels.journal import Memory
from finalex.channels.kline import KlineChannel
from finalex.channels.orderbook import OrderbookChannel
from finalex.channels.orders import OrdersChannel
from finalex.channels.private import Counts
from finalex.channels.status import StatusChannel
from finalex.channels.ticker import TickerChannel
from finalex.channels.trades import TradesChannel
from finalex.channels.user_trades import UserTradesChannel
from finalex.exchange.state import ExchangeState
from finalex.market.depth import DepthBook
from finalex.model.instruments import Instruments
from finalex.protocol.streams import DEPTHS


def build_channels(
    instruments: Instruments, state: ExchangeState, ticker_interval_ms: int, kline_interval_ms: int, memory: Memory
) -> tuple[Channel, ...]:
    """Return all channels; `state` is applied before they see an event.

    A trade is published before what it does to the book, and the ticker looks at a book that is up to date. The
    private ones count their messages together.
    """
    counts = Counts()
    books = {symbol: DepthBook(DEPTHS) for symbol in instruments}
    return (
        TradesChannel(instruments, memory),
        OrderbookChannel(instruments, books),
        KlineChannel(instruments, kline_interval_ms),
        TickerChannel(instruments, books, ticker_interval_ms),
        OrdersChannel(instruments, state, counts, memory),
        UserTradesChannel(instruments, state, counts, memory),
        AccountChannel(instruments, state, counts),
        StatusChannel(instruments, state, books),
    )
