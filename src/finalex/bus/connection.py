"""Connecting to NATS: with TLS and credentials, to any of several servers, and again and again after a failure."""

import asyncio

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from finalex.bus.address import BusAddress
from finalex.bus.client import LastingClient, reason_of
from finalex.bus.login import LoginError, login_options, wants_tls

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
"""The pause between two attempts to reach a server."""
PING_INTERVAL_S = 5
PINGS_MAX = 2
"""A server that has left so many pings unanswered is gone: after 10 to 15 seconds of silence, on a dead line."""
PENDING_BYTES_MAX = 64 << 20
"""What may wait to be sent; one more byte is refused."""


class BusError(OSError):
    """NATS cannot be used as asked; the text is a sentence for the operator."""


async def connect(address: BusAddress, name: str, *, forever: bool = False, pending_bytes: int = 0) -> Client:
    """Return a client, called `name` in the server's lists, that reconnects by itself until it is closed.

    With `forever` it also waits for the first server that answers. Where TLS is wanted nothing is ever sent without.
    Raises `BusError` if it cannot connect, with the reason, and without any secret.
    """
    where = f"NATS at {', '.join(address.servers)}"
    try:
        login = login_options(address)
    except LoginError as error:
        raise BusError(f"{where}: {error}.") from None
    client = LastingClient(name, encrypted=wants_tls(address))
    try:
        await client.connect(
            servers=list(address.servers),
            name=name,
            error_cb=client.report,
            disconnected_cb=client.lost,
            reconnected_cb=client.found,
            allow_reconnect=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # parts of a second work as well
            max_reconnect_attempts=-1 if forever else 1,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_MAX,
            pending_size=pending_bytes or PENDING_BYTES_MAX,
            **login,
        )
    except asyncio.CancelledError:
        await client.close()
        raise
    except (NatsError, OSError, ValueError, TimeoutError) as error:
        await client.close()
        reasons = client.troubles if isinstance(error, NoServersError) else []
        raise BusError(f"{where}: {'; '.join(reasons) or reason_of(error)}.") from None
    client.options["max_reconnect_attempts"] = -1
    return client
