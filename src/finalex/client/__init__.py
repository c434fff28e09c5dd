"""The Python SDK: a client that stays connected, misses nothing silently, and knows what became of its orders.

async with connect("ws://localhost:8081") as client:
    async for ticker in client.ticker("BTC/USDT"):
        print(ticker.price)
"""

from finalex.client.backoff import Backoff
from finalex.client.client import Client, connect
from finalex.client.errors import (
    AuthenticationError,
    CancelRejectedError,
    ClientError,
    ConnectionClosedError,
    ConnectionFailedError,
    Gap,
    GapError,
    OrderRejectedError,
    OutcomeUnknownError,
    RequestFailedError,
    UnreadableMessageError,
)
from finalex.client.feeds import State
from finalex.client.inbox import Policy
from finalex.client.requests import TooManyRequestsError
from finalex.client.subscription import Book, Subscription
from finalex.client.subscriptions import SubscribedAlreadyError

__all__ = [
    "AuthenticationError",
    "Backoff",
    "Book",
    "CancelRejectedError",
    "Client",
    "ClientError",
    "ConnectionClosedError",
    "ConnectionFailedError",
    "Gap",
    "GapError",
    "OrderRejectedError",
    "OutcomeUnknownError",
    "Policy",
    "RequestFailedError",
    "State",
    "SubscribedAlreadyError",
    "Subscription",
    "TooManyRequestsError",
    "UnreadableMessageError",
    "connect",
]
