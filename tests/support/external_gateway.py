"""A ledger and a view of what it took, and events of external engines that may be wrong or not."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from exchange.steps import SYMBOLS, Draw
from exchange.test_naive_model import small
from exchange.venue import check_funds, check_uncrossed, credited
from finalex.channels.hub import Hub
from finalex.exchange.order import Order
from finalex.exchange.state import ExchangeState
from finalex.model.events import AnyEvent, Batch
from finalex.model.instruments import Instruments
from finalex.protocol.streams import Stream
from finalex.snapshots.encoding import encode_snapshot
from finalex.snapshots.snapshot import take_snapshot
from finalex.sources.external_events import read_message
from finalex.sources.external_ledger import Ledger
from support.external import message

INSTRUMENTS = Instruments([small(symbol, (1, 2), (800, 1000)) for symbol in dict.fromkeys(SYMBOLS)])
USERS = ("ann", "bob", "cat")
FUNDS = 1_000 * 10**8


class Everything:
    """Whoever wants every stream there is."""

    def __contains__(self, stream: object) -> bool:
        return isinstance(stream, Stream)


class Gateway:
    """A ledger, and a view of what it took: whatever the ledger takes, this must be able to show."""

    def __init__(self) -> None:
        self.ledger = Ledger(ExchangeState(INSTRUMENTS))
        self.hub = Hub(INSTRUMENTS)
        self.taken: list[AnyEvent] = []

    def tell(self, events: Sequence[dict[str, Any]], time_ms: int = 1_000) -> None:
        """Take a message in; raises `BadMessageError`."""
        told = read_message(message(events, time_ms), "", INSTRUMENTS, not_before_ms=self.hub.time_ms)
        self.ledger.try_out(told.events)
        self.ledger.take(told.events)
        self.taken += told.events
        batch = Batch(sequence=self.hub.sequence + 1, time_ms=told.time_ms, events=tuple(told.events))
        self.hub.apply(batch, Everything())

    def check(self) -> None:
        """Assert that all views agree, that nothing impossible was shown, and that a snapshot can be taken."""
        assert self.hub.state.state_hash() == self.ledger.state.state_hash()
        assert set(self.hub.counters().values()) == {0}
        check_uncrossed(self.hub.state)
        outside = Counter(self.hub.state.paper.outside)
        check_funds(self.hub.state, Counter(+(credited(self.taken) - outside)))  # type: ignore[arg-type]
        assert encode_snapshot(take_snapshot(self.hub))


def spoiled(told: dict[str, Any], draw: Draw) -> dict[str, Any]:
    """Return an event with one field changed, in a way that may be wrong or not."""
    name = draw.one(sorted(told.keys() - {"event"}))
    value = told[name]
    if isinstance(value, bool):
        changed: object = not value
    elif isinstance(value, int):
        changed = draw.one((0, 1, 2, value - 1, value + 1, 2**62 - 1))
    elif name in ("user", "maker", "taker"):
        changed = draw.one((*USERS, "", "@fees", "nobody"))
    elif isinstance(value, str) and value[:1].isdigit():
        changed = draw.one(("0", "2", "0.2", "0.02", "4", "1.8", "2.4", "6", "92233720368.0", value + "0"))
    else:
        changed = draw.one(("buy", "sell", "limit", "market", "GTC", "IOC", "BTC/USDT", "ETH/USDT", "canceled", value))
    return told | {name: changed}


def imagined(draw: Draw, state: ExchangeState) -> dict[str, Any]:
    """Return an event of a market of levels that may well follow from `state`."""
    orders = [order for user in USERS for order in state.open_orders(user)]
    if not orders or draw.below(3):
        return _of_a_market(draw, state)
    return _of_an_order(draw, state, draw.one(orders))


def _of_a_market(draw: Draw, state: ExchangeState) -> dict[str, Any]:
    symbol, side, user = draw.one(("ETH/USDT", "BTC/USDT")), draw.one(("buy", "sell")), draw.one(USERS)
    price, quantity = draw.one(("1.8", "2.0", "2.2", "2.4")), draw.one(("0.02", "0.04", "0.10"))
    bids, asks = [["2.0", "0.10"], ["1.8", "0.04"]], [["2.2", "0.06"], ["2.4", "0.02"]]
    locked = f"{float(quantity) * (2 if side == 'buy' else 1):.8f}"
    new = {"side": side, "user": user, "type": "limit", "time_in_force": "GTC", "post_only": False, "price": "2.0"}
    deal = {"price": price, "quantity": quantity, "side": side}
    kinds: Sequence[dict[str, Any]] = (
        {"event": "book_reset", "bids": bids, "asks": asks},
        {"event": "book_withdrawn", "reason": "news"},
        {"event": "levels_changed", "changes": [[side, price, draw.one(("0", quantity))]]},
        {"event": "traded", "trade": state.next_trade(symbol) + draw.once_in(6), **deal},
        {"event": "order_accepted", "order": state.next_order, "quantity": quantity, "locked": locked, **new}
        | {"client_order_id": None},
    )
    return draw.one(kinds) | {"symbol": symbol}


def _of_an_order(draw: Draw, state: ExchangeState, order: Order) -> dict[str, Any]:
    instrument = state.instruments[order.symbol]
    price, rest = instrument.price_text(order.price), instrument.quantity_text(order.remaining)
    own = {"order": order.number, "symbol": order.symbol, "side": order.side, "price": price, "quantity": rest}
    fill = {"trade": state.last_own_trade(order.symbol) + 1, "user": order.user, "maker": True}
    fill |= {"quantity": draw.one((rest, "0.02")), "fee": draw.one(("0", "0.00000001", "5"))}
    kinds: Sequence[dict[str, Any]] = (
        own | {"event": "order_waits"},
        own | {"event": "order_rested"},
        own | fill | {"event": "order_filled", "price": draw.one((price, "2.4"))},
        own | {"event": "order_ended", "user": order.user, "rested": draw.once_in(3), "reason": "canceled"},
    )
    return draw.one(kinds)
