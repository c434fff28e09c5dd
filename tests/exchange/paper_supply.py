"""What orders on paper may get at most: what was shown and traded outside."""

from collections import Counter
from collections.abc import Sequence

from finalex.model.events import AnyEvent, BookReset, BookWithdrawn, LevelsChanged, PaperFilled, Traded
from finalex.model.orders import Side


def check_supply(log: Sequence[AnyEvent]) -> None:
    """Assert that nobody got more than was shown and traded outside, nor at a price better than that."""
    supply: Counter[tuple[str, Side, int]] = Counter()
    book: dict[tuple[Side, int], int] = {}
    last_trade: Traded | None = None
    traded = 0
    for event in log:
        match event:
            case BookReset() | BookWithdrawn():
                book.clear()
                for side, shown in ((Side.BUY, getattr(event, "bids", [])), (Side.SELL, getattr(event, "asks", []))):
                    for price, quantity in shown:
                        book[side, price] = quantity
                        supply["shown", side, price] += quantity
            case LevelsChanged():
                for side, price, quantity in event.changes:
                    supply["shown", side, price] += max(0, quantity - book.get((side, price), 0))
                    book[side, price] = quantity
            case Traded():
                last_trade, traded = event, event.quantity
            case PaperFilled() if event.level:
                supply["shown", event.side.opposite, event.level] -= event.quantity
                assert supply["shown", event.side.opposite, event.level] >= 0
                assert event.price >= event.level if event.side is Side.BUY else event.price <= event.level
            case PaperFilled():
                assert last_trade is not None
                traded -= event.quantity
                assert traded >= 0
                assert event.side is last_trade.side.opposite
                assert event.price >= last_trade.price if event.side is Side.BUY else event.price <= last_trade.price
            case _:
                pass
