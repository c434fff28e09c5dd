"""Scenarios as text: what is sent and what must come of it, line by line.

    credit ann 10 BTC
    ann s1 sell 2 @ 100                 => new
    bob b1 buy 3 @ 101 post-only        => rejected post_only_would_take
    bob b2 buy 3 @ 101                  => 2 @ 100 with s1; partially_filled
    bob b3 buy 1 market on ETH/USDT     => rejected no_liquidity
    bob cancel b2                       => canceled b2
    bob cancel all                      => canceled
    bob cancel all on ETH/USDT          => canceled
    book 1 @ 101, 4 @ 100 | 3 @ 102
    bob has 800 + 101 locked USDT
    bob b2 is canceled 2/3 locked 0 fees 0.002
    halted BTC/USDT

The word after the user is the order's `client_order_id`; `-` stands for none. Options of an order are `ioc`,
`fok`, `post-only` and `on SYMBOL`. What must come of an order are its trades and its status; `known` comes first
if its `client_order_id` was seen before. Everything after `#` is a remark.
"""

import re
from collections.abc import Callable

from exchange.venue import Venue
from finalex.exchange.accounts import NOTHING
from finalex.exchange.order import Order
from finalex.exchange.outcomes import Canceled, Done, Frozen, NotFound, Placed, Refused
from finalex.model.commands import CancelAllOrders, CancelOrder, Credit, PlaceOrder, SetMarketState
from finalex.model.decimals import AMOUNT_DECIMALS, format_units, parse_units
from finalex.model.events import ExchangeEvent, Level, OrderAccepted, Traded
from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.model.states import MarketState

SYMBOL = "BTC/USDT"

_TIMES = {"ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}


def check_play(text: str, venue: Venue | None = None) -> Venue:
    """Play a scenario on `venue` (by default a new one without fees) and return it, checked over."""
    scenario = Scenario(venue or Venue())
    for number, line in enumerate(text.splitlines(), 1):
        plain = " ".join(line.partition("#")[0].split())
        if plain:
            scenario.step(plain, number)
    scenario.venue.check()
    return scenario.venue


class Scenario:
    """One scenario under way."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.labels: dict[int, str] = {}

    def step(self, line: str, number: int) -> None:
        for pattern, action in _LINES:
            found = re.fullmatch(pattern, line)
            if found:
                expected, actual = action(self, **found.groupdict(""))
                assert actual == expected, f"line {number}: {line}\n  came to: {actual}"
                return
        raise AssertionError(f"line {number} is no line of a scenario: {line}")

    def credit(self, user: str, amount: str, currency: str) -> tuple[str, str]:
        reference = f"{user} {len(self.venue.events)}"
        command = Credit(user=user, currency=currency, amount=_amount(amount), reference=reference)
        assert self.venue.send(command)[1] == Done()
        return "", ""

    def place(
        self, user: str, label: str, side: str, quantity: str, price: str, options: str, expected: str
    ) -> tuple[str, str]:
        words = options.split()
        symbol = words[words.index("on") + 1] if "on" in words else SYMBOL
        instrument = self.venue.instruments[symbol]
        command = PlaceOrder(
            user=user,
            symbol=symbol,
            side=Side(side),
            type=OrderType.LIMIT if price else OrderType.MARKET,
            quantity=instrument.parse_quantity(quantity),
            price=instrument.parse_price(price) if price else 0,
            time_in_force=next((_TIMES[word] for word in words if word in _TIMES), TimeInForce.GTC),
            post_only="post-only" in words,
            client_order_id=None if label == "-" else label,
        )
        return expected, self._placed(command)

    def _placed(self, command: PlaceOrder) -> str:
        events, outcome = self.venue.send(command)
        assert isinstance(outcome, Placed | Refused)
        parts = [] if events else ["known"]
        for event in events:
            parts += self._trade(event)
        return "; ".join([*parts, _status(outcome.order)])

    def _trade(self, event: ExchangeEvent) -> list[str]:
        if isinstance(event, OrderAccepted):
            self.labels[event.order] = event.client_order_id or "-"
        if not isinstance(event, Traded):
            return []
        return [f"{self._level(event.symbol, (event.price, event.quantity))} with {self.labels[event.maker_order]}"]

    def cancel(self, user: str, label: str, expected: str) -> tuple[str, str]:
        _, outcome = self.venue.send(CancelOrder(user=user, client_order_id=label))
        return expected, self._canceled(outcome)

    def cancel_all(self, user: str, symbol: str, expected: str) -> tuple[str, str]:
        _, outcome = self.venue.send(CancelAllOrders(user=user, symbol=symbol or None))
        return expected, self._canceled(outcome)

    def put(self, state: str, symbol: str) -> tuple[str, str]:
        _, outcome = self.venue.send(SetMarketState(symbol=symbol, state=MarketState(state)))
        assert outcome == Done()
        return "", ""

    def _canceled(self, outcome: object) -> str:
        if isinstance(outcome, NotFound | Frozen):
            return "not found" if isinstance(outcome, NotFound) else "frozen"
        assert isinstance(outcome, Canceled)
        return " ".join(["canceled", *(self.labels[order.number] for order in outcome.orders)])

    def book(self, expected: str, symbol: str) -> tuple[str, str]:
        sides = [self.venue.state.levels(symbol or SYMBOL, side) for side in (Side.BUY, Side.SELL)]
        bids, asks = (", ".join(self._level(symbol or SYMBOL, level) for level in levels) for levels in sides)
        return expected.strip(), f"{bids} | {asks}".strip()

    def _level(self, symbol: str, level: Level) -> str:
        instrument = self.venue.instruments[symbol]
        return f"{_short(instrument.quantity_text(level[1]))} @ {_short(instrument.price_text(level[0]))}"

    def funds(self, user: str, expected: str, currency: str) -> tuple[str, str]:
        balance = self.venue.state.balances(user).get(currency, NOTHING)
        locked = f" + {_amount_text(balance.locked)} locked" if balance.locked else ""
        return expected, _amount_text(balance.available) + locked

    def order(self, user: str, label: str, expected: str) -> tuple[str, str]:
        order = self.venue.state.outcome(user, label)
        if order is None:
            return expected, "unknown"
        text = self.venue.instruments[order.symbol].quantity_text
        filled = f"{_short(text(order.filled))}/{_short(text(order.quantity))}"
        amounts = f"locked {_amount_text(order.locked)} fees {_amount_text(order.fees)}"
        return expected, f"{_status(order)} {filled} {amounts}"


_LINES: tuple[tuple[str, Callable[..., tuple[str, str]]], ...] = (
    (r"credit (?P<user>\S+) (?P<amount>\S+) (?P<currency>\w+)", Scenario.credit),
    (rf"(?P<state>{'|'.join(MarketState)}) (?P<symbol>\S+/\S+)", Scenario.put),
    (r"book ?(?P<expected>.*?\|.*?)(?: on (?P<symbol>\S+))?", Scenario.book),
    (r"(?P<user>\S+) has (?P<expected>.*) (?P<currency>\w+)", Scenario.funds),
    (r"(?P<user>\S+) (?P<label>\S+) is (?P<expected>.*)", Scenario.order),
    (r"(?P<user>\S+) cancel all(?: on (?P<symbol>\S+))? => (?P<expected>.*)", Scenario.cancel_all),
    (r"(?P<user>\S+) cancel (?P<label>\S+) => (?P<expected>.*)", Scenario.cancel),
    (
        r"(?P<user>\S+) (?P<label>\S+) (?P<side>buy|sell) (?P<quantity>\S+) (?:@ (?P<price>\S+)|market)"
        r"(?P<options>(?: ioc| fok| post-only| on \S+)*) => (?P<expected>.*)",
        Scenario.place,
    ),
)


def _status(order: Order) -> str:
    return order.status.value if order.reason in (None, "canceled") else f"{order.status} {order.reason}"


def _amount(text: str) -> int:
    return parse_units(text, AMOUNT_DECIMALS)


def _amount_text(amount: int) -> str:
    return _short(format_units(amount, AMOUNT_DECIMALS))


def _short(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
