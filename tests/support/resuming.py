"""Two traders, and clients that come back when they have lost their connection."""

from typing import Any

from finalex.channels.journal import Memory
from finalex.model.commands import PlaceOrder
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side
from finalex.session.limits import Limits
from support.conversation import House

Message = dict[str, Any]

SYMBOLS = ("BTC/USDT", "ETH/USDT")
INSTRUMENTS = Instruments(DEFAULT_INSTRUMENTS[symbol] for symbol in SYMBOLS)
USERS = ("alice", "bob")
SMALL = Memory(trades_max=3, account_max=3, updates_max=5, fills_max=5)
"""A memory so small that most of what is missed must come from the log."""


def market(memory: Memory | None = None, limits: Limits | None = None) -> House:
    """Return an exchange on which alice and bob have both coins and money."""
    house = House(limits, INSTRUMENTS, memory)
    for user in USERS:
        house.fund(user, BTC=1000, ETH=1000, USDT=10_000_000)
    return house


def trade(house: House, count: int = 1, symbol: str = "BTC/USDT") -> None:
    """Let alice sell to bob, a trade each time."""
    for _ in range(count):
        place(house, "alice", Side.SELL, symbol, 1, 100)
        place(house, "bob", Side.BUY, symbol, 1, 100)


def place(house: House, user: str, side: Side, symbol: str, quantity: int, price: int) -> None:
    """Place a limit order of whole units."""
    instrument = INSTRUMENTS[symbol]
    house.execute(
        PlaceOrder(
            user=user,
            side=side,
            symbol=symbol,
            type=OrderType.LIMIT,
            quantity=instrument.parse_quantity(str(quantity)),
            price=instrument.parse_price(str(price)),
        )
    )


class Reader:
    """A client with one subscription that comes back whenever its connection dies, and all that it has read."""

    def __init__(self, house: House, user: str = "alice", **subscription: Any) -> None:
        self.house = house
        self.user = user
        self.subscription = subscription
        self.read: list[Message] = []
        self.acknowledged: list[Message] = []
        self.conversation = house.connect(user)
        if subscription:
            self.subscribe()

    @property
    def last_id(self) -> str:
        return str(self.read[-1]["id"])

    @property
    def resumed(self) -> bool:
        """What the last acknowledgement said."""
        return bool(self.acknowledgements[-1]["resumed"])

    @property
    def acknowledgements(self) -> list[Message]:
        seen = self.acknowledged + self.conversation.seen
        return [message["data"] for message in seen if message["type"] == "subscribed"]

    def subscribe(self, **params: Any) -> None:
        self.conversation.request("subscribe", **self.subscription, **params)

    def take(self, share: float = 1.0) -> None:
        """Read what has come, or only the first part of it; the first message of all is always read."""
        come = [message for message in self.conversation.seen if "channel" in message]
        self.read += come[: max(round(share * len(come)), 0 if self.read else 1)]
        self.acknowledged += self.conversation.seen
        self.conversation.seen.clear()

    def die(self, share: float = 1.0) -> None:
        """Lose the connection, and with it all but the first part of what has come, and come back.

        One that has read nothing yet stays, for it has no place to go on from.
        """
        self.take(share)
        if self.read:
            self.conversation.disconnect()
            self.conversation = self.house.connect(self.user)
            self.subscribe(after=self.last_id)


def told(messages: list[Message]) -> list[tuple[str, Message]]:
    """Return messages without the time at which they were sent."""
    return [(message["id"], message["data"]) for message in messages]


def old_reader(house: House, missed: int = 5, **subscription: Any) -> Reader:
    """Return a client that lost its connection so long ago that only the log knows what it missed."""
    reader = Reader(house, **(subscription or {"channel": "trades", "symbol": "BTC/USDT"}))
    trade(house, 2)
    reader.take()
    house.conversations.remove(reader.conversation)
    reader.conversation.joined.clear()
    trade(house, missed)
    reader.conversation = house.connect(reader.user)
    return reader


def results(reader: Reader) -> list[Message]:
    """Return the result of each item of the last request."""
    return list(reader.acknowledgements[-1]["results"])
