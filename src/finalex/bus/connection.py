"""Connecting to NATS: with TLS and credentials, to any of several servers, and again and again after a failure."""

import ssl
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from finalex.bus.address import BusAddress

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25
"""The pause between two attempts to reach a server."""
PING_INTERVAL_S = 5
PINGS_MAX = 2
"""A server that has left so many pings unanswered is gone: after 10 to 15 seconds of silence, on a dead line."""
PENDING_BYTES_MAX = 64 << 20
"""What may wait to be sent; one more byte is refused."""

_log = structlog.get_logger("finalex.bus")


class BusError(OSError):
    """NATS cannot be used as asked; the text is a sentence for the operator."""


async def connect(address: BusAddress, name: str, *, forever: bool = False, pending_bytes: int = 0) -> Client:
    """Return a client, called `name` in the server's lists, that reconnects by itself until it is closed.

    With `forever` it also waits for the first server that answers. Raises `BusError` if it cannot connect, with
    the reason, and without any secret.
    """

    async def report(error: Exception) -> None:
        _log.warning("nats_trouble", client=name, reason=_reason(error))

    async def lost() -> None:
        if not client.is_closed:
            _log.warning("nats_lost", client=name)

    async def found() -> None:
        _log.info("nats_found", client=name, server=client.connected_url.netloc if client.connected_url else "")

    client = Client()
    try:
        await client.connect(
            servers=list(address.servers),
            name=name,
            error_cb=report,
            disconnected_cb=lost,
            reconnected_cb=found,
            allow_reconnect=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # parts of a second work as well
            max_reconnect_attempts=-1 if forever else 1,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_MAX,
            pending_size=pending_bytes or PENDING_BYTES_MAX,
            **_login(address),
        )
    except (NatsError, OSError, ValueError, TimeoutError) as error:
        await client.close()
        raise BusError(f"NATS at {', '.join(address.servers)}: {_reason(error)}.") from None
    client.options["max_reconnect_attempts"] = -1
    return client


def _login(address: BusAddress) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if address.user is not None:
        given |= {"user": address.user, "password": address.password or ""}
    if address.credentials_file is not None:
        given["user_credentials"] = str(address.credentials_file)
    if address.ca_file is not None or address.certificate_file is not None:
        given["tls"] = _tls(address)
    return given


def _tls(address: BusAddress) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca_file and str(address.ca_file))
    if address.certificate_file is not None:
        context.load_cert_chain(address.certificate_file, address.key_file)
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, NoServersError):
        return "no server answers"
    return str(error).strip() or type(error).__name__
