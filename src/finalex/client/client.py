"""The client: market data as asynchronous iterators, orders as coroutines, over a connection that heals itself."""

import ssl
from urllib.parse import urlsplit

from finalex.client.backoff import Backoff
from finalex.client.core import Core
from finalex.client.driver import Token
from finalex.client.link import Opener, picows_opener
from finalex.client.trading import Trading
from finalex.client.watching import Watching


class Client(Watching, Trading):
    """A connection to a server that is made again whenever it is lost; `connect` returns one.

    A client has each stream once: asking for one a second time while the first subscription lives raises
    `SubscribedAlreadyError`. All subscriptions take `policy` and `inbox_max`, which say what happens when messages
    come faster than they are taken, and `on_gap` (see `Subscription`).
    """


def connect(
    url: str,
    *,
    token: Token | None = None,
    api_key: str | None = None,
    backoff: Backoff | None = None,
    ssl_context: ssl.SSLContext | None = None,
    opener: Opener | None = None,
) -> Client:
    """Return a client of the server at `url`, to be used as an asynchronous context manager.

    `token` is a token, or a function (plain or asynchronous) that returns a fresh one: it is called for each
    connection and when a token is about to expire, so that a client can live for ever. `api_key` is the other way to
    log in; without either the public channels are open. Credentials go into headers, never into the address.
    `backoff` says how long to wait before coming back, `ssl_context` how to check a `wss` server, and `opener` makes
    the connections (see `finalex.client.testing`). Raises `ValueError` if `url` is no address or both kinds of
    credentials are given.

    Entering the context raises `ConnectionFailedError` if the first connection cannot be made,
    `AuthenticationError` if the credentials are not taken, and whatever a token function raises. From then on a lost
    connection is made again, and all subscriptions and orders go on over the new one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError("the address must be of the form ws://HOST:PORT or wss://HOST")
    if token is not None and api_key is not None:
        raise ValueError("give a token or an API key, not both")
    core = Core(backoff or Backoff(), renewable=callable(token))
    return Client(core, url, opener or picows_opener(ssl_context), token, api_key)
