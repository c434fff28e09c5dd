"""The state of the exchange: what its events so far add up to."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType

import msgspec

from finalex.exchange.accounts import FEES_USER, NOTHING, Accounts, Balance, Booking, SavedAccount
from finalex.exchange.book import Book, SavedBook
from finalex.exchange.funds import received_currency, reserved_currency, settle
from finalex.exchange.halts import NOT_HALTED, Halt
from finalex.exchange.lifecycle import accepted_order, ended_order, filled_order, rejected_order
from finalex.exchange.order import Order
from finalex.exchange.paper_state import PaperState, SavedPaper
from finalex.exchange.register import OrderRegister, SavedOrders
from finalex.model.events import (
    AnyEvent,
    BookReset,
    BookWithdrawn,
    Credited,
    Debited,
    Level,
    MarketStateChanged,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    OrderRested,
    PaperFilled,
    PaperRested,
    Traded,
)
from finalex.model.instruments import Instruments
from finalex.model.orders import OrderStatus, Side

OPEN_ORDERS_MAX = 500
"""How many open orders an account may have, unless the exchange is set up otherwise."""

_NO_BALANCES: Mapping[str, Balance] = MappingProxyType({})


class SavedExchange(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an exchange as a snapshot holds it."""

    next_order: int
    trades: dict[str, int]
    accounts: dict[str, SavedAccount]
    orders: dict[str, SavedOrders]
    books: dict[str, SavedBook]
    prices: dict[str, int] = {}
    halts: dict[str, Halt] = {}
    paper: SavedPaper = SavedPaper()


class ExchangeState:
    """Orders, books and accounts; `apply` is the only way to change them.

    Everything in it is a function of the events applied, in their order. `open_orders_max` is a setting, not part
    of the state.
    """

    def __init__(self, instruments: Instruments, open_orders_max: int = OPEN_ORDERS_MAX) -> None:
        self.instruments = instruments
        self.open_orders_max = open_orders_max
        self._accounts = Accounts()
        self._register = OrderRegister()
        self._books = {symbol: Book() for symbol in instruments}
        self._trades: dict[str, int] = {}
        self._prices: dict[str, int] = {}
        self._halts: dict[str, Halt] = {}
        self.paper = PaperState(instruments, self._register)
        self._next_order = 1

    def apply(self, event: AnyEvent) -> tuple[Order, ...]:
        """Take in `event` and return the orders it changed, the maker before the taker.

        Events of a market from outside change no order; its trades count for `next_trade`. An event that cannot
        follow from this state raises `KeyError` or `ValueError`: the log is not of this exchange.
        """
        match event:
            case OrderAccepted():
                return self._accept(event)
            case Traded():
                return self._trade(event)
            case OrderRested():
                self._books[event.symbol].side(event.side).add(event.price, event.order)
            case OrderEnded():
                return self._end(event)
            case OrderRejected():
                return self._reject(event)
            case Credited() | Debited():
                self._book(event)
            case MarketStateChanged():
                self._halts[event.symbol] = Halt(event.state, event.reason)
            case PaperFilled():
                order = self._fill(self._register[event.order], event, event.fee)
                self.paper.fill(event, order)
                return (order,)
            case PaperRested() | BookReset() | BookWithdrawn():
                self.paper.apply(event)
        return ()

    @property
    def next_order(self) -> int:
        """The number that the next order gets, accepted or not."""
        return self._next_order

    def next_trade(self, symbol: str) -> int:
        """Return the number that the next trade of `symbol` gets."""
        return self._trades.get(symbol, 0) + 1

    def last_own_trade(self, symbol: str) -> int:
        """Return the number of the last trade of `symbol` that is counted along with those of orders here.

        In a market from outside those are its fills on paper.
        """
        return self.paper.fills.get(symbol, self._trades.get(symbol, 0))

    def last_price(self, symbol: str) -> int | None:
        """Return the price of the last trade of `symbol`, `None` before the first."""
        return self._prices.get(symbol)

    def halt(self, symbol: str) -> Halt:
        """Return the state that the operator has put the market of `symbol` into, and why; open at first."""
        return self._halts.get(symbol, NOT_HALTED)

    def order(self, number: int) -> Order | None:
        """Return the open order with this number, if there is one."""
        return self._register.get(number)

    def open_orders(self, user: str, symbol: str | None = None) -> list[Order]:
        """Return the open orders of `user`, oldest first, of one symbol or of all."""
        orders = self._register.of(user)
        if orders is None:
            return []
        return [order for order in orders.open.values() if symbol is None or order.symbol == symbol]

    def open_orders_count(self, user: str) -> int:
        """Return how many open orders `user` has."""
        orders = self._register.of(user)
        return 0 if orders is None else len(orders.open)

    def outcome(self, user: str, client_order_id: str) -> Order | None:
        """Return the latest version of the order that `user` placed with this id, refused ones included.

        Open orders are always known, ended ones as long as they are among the account's newest `OUTCOMES_MAX`.
        """
        orders = self._register.of(user)
        return None if orders is None else orders.by_client_id(client_order_id)

    def exists(self, user: str) -> bool:
        """Whether `user` has an account: one comes into being with its first credit."""
        return user in self._accounts

    @property
    def users(self) -> list[str]:
        """Everyone who has an account, `FEES_USER` included, in the order they got it."""
        return self._accounts.users

    def balances(self, user: str) -> Mapping[str, Balance]:
        """Return a read-only view of what `user` has, by currency in order of first arrival."""
        account = self._accounts.get(user)
        return _NO_BALANCES if account is None else account.balances

    def balance(self, user: str, currency: str) -> Balance:
        """Return what `user` has of `currency`, perhaps nothing."""
        account = self._accounts.get(user)
        return NOTHING if account is None else account.balance(currency)

    def available(self, user: str, currency: str) -> int:
        """Return what `user` can spend of `currency`."""
        return self.balance(user, currency).available

    def booking(self, user: str, reference: str) -> Booking | None:
        """Return the credit or debit that `user` has had with this `reference`, as far as the account remembers."""
        account = self._accounts.get(user)
        return None if account is None else account.booking(reference)

    def best(self, symbol: str, side: Side) -> int | None:
        """Return the best price of a side, or `None` if it is empty."""
        return self._books[symbol].side(side).best

    def resting(self, symbol: str, side: Side) -> Iterator[Order]:
        """Iterate the resting orders of a side in the order in which they trade; nothing may change meanwhile."""
        for _, queue in self._books[symbol].side(side).queues():
            for number in queue:
                yield self._register[number]

    def rests(self, order: Order) -> bool:
        """Whether `order` is in the book."""
        return self._books[order.symbol].side(order.side).has(order.price, order.number)

    def levels(self, symbol: str, side: Side) -> list[Level]:
        """Return price and total quantity of every level of a side, best first."""
        queues = self._books[symbol].side(side).queues()
        return [(price, sum(self._register[number].remaining for number in queue)) for price, queue in queues]

    def state_hash(self) -> str:
        """Return the SHA-256 of a canonical encoding of everything, the positions in the queues included.

        Which instruments there are besides those in which something has happened makes no difference.
        """
        everything = [
            self._next_order,
            sorted(self._trades.items()),
            self._accounts.canonical(),
            self._register.canonical(),
            [(symbol, book.save()) for symbol, book in sorted(self._books.items()) if not book.empty],
        ]
        newer = [(name, sorted(values.items())) for name, values in self._newer() if values]
        return sha256(msgspec.json.encode(everything + newer)).hexdigest()

    def _newer(self) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Return what the first snapshots did not have: their hashes are still right without it."""
        return ("prices", self._prices), ("halts", self._halts), ("paper", self.paper.canonical())

    def save(self) -> SavedExchange:
        """Return everything; it follows no later change."""
        return SavedExchange(
            next_order=self._next_order,
            trades=dict(self._trades),
            accounts=self._accounts.save(),
            orders=self._register.save(),
            books={symbol: book.save() for symbol, book in self._books.items()},
            prices=dict(self._prices),
            halts=dict(self._halts),
            paper=self.paper.save(),
        )

    def load(self, saved: SavedExchange) -> None:
        """Take over, into a new state, what `save` returned; raises `KeyError` for a book of an unknown symbol."""
        self._next_order = saved.next_order
        self._trades.update(saved.trades)
        self._prices.update(saved.prices)
        self._halts.update(saved.halts)
        self.paper.load(saved.paper)
        self._accounts.load(saved.accounts)
        self._register.load(saved.orders)
        for symbol, book in saved.books.items():
            self._books[symbol].load(book)

    def _book(self, event: Credited | Debited) -> None:
        if isinstance(event, Credited):
            self._accounts.open(event.user).enter(Booking(event.currency, event.amount), event.reference)
        else:
            self._accounts[event.user].enter(Booking(event.currency, -event.amount), event.reference)

    def _accept(self, event: OrderAccepted) -> tuple[Order, ...]:
        self._reserve(event.user, event.symbol, event.side, event.locked)
        return self._enter(accepted_order(event))

    def _reject(self, event: OrderRejected) -> tuple[Order, ...]:
        return self._enter(rejected_order(event))

    def _enter(self, order: Order) -> tuple[Order, ...]:
        self._next_order = order.number + 1
        self._register.put(order)
        return (order,)

    def _end(self, event: OrderEnded) -> tuple[Order, ...]:
        order = self._register[event.order]
        if event.rested:
            self._books[event.symbol].side(event.side).remove(event.price, event.order)
        self.paper.waiting.remove(order)
        self._reserve(event.user, event.symbol, event.side, -order.locked)
        ended = ended_order(order, event)
        self._register.put(ended)
        return (ended,)

    def _reserve(self, user: str, symbol: str, side: Side, amount: int) -> None:
        if amount:  # a market order that finds nothing it may trade with reserves nothing, even without an account
            currency = reserved_currency(self.instruments[symbol], side)
            self._accounts[user].change(currency, available=-amount, locked=amount)

    def _trade(self, event: Traded) -> tuple[Order, ...]:
        self._trades[event.symbol] = event.trade
        self._prices[event.symbol] = event.price
        if not event.maker_order:
            self.paper.advance(event)
            return ()
        maker = self._fill(self._register[event.maker_order], event, event.maker_fee)
        taker = self._fill(self._register[event.taker_order], event, event.taker_fee)
        if maker.status is OrderStatus.FILLED:
            self._books[event.symbol].side(maker.side).remove(event.price, maker.number)
        return (maker, taker)

    def _fill(self, order: Order, event: Traded | PaperFilled, fee: int) -> Order:
        instrument = self.instruments[event.symbol]
        unlocked, paid, received = settle(instrument, order, event.price, event.quantity)
        account = self._accounts[order.user]
        account.change(reserved_currency(instrument, order.side), available=unlocked - paid, locked=-unlocked)
        currency = received_currency(instrument, order.side)
        account.change(currency, available=received - fee)
        if fee:
            self._accounts.open(FEES_USER).change(currency, available=fee)
        changed = filled_order(order, event, unlocked, fee)
        self._register.put(changed)
        return changed
