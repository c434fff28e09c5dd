"""The library's client, which here never gives up, and never speaks in the clear where TLS is wanted.

What it replaces are the library's own parts; the tests beside it tell when another version has them no longer.
"""

import time
from ssl import SSLCertVerificationError

import structlog
from nats.aio.client import DEFAULT_BUFFER_SIZE, Client, Srv
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from finalex.bus.login import LoginError
from finalex.bus.transport import LeavableTransport

TROUBLES_MAX = 8

_PERMISSIONS = "permissions violation"

_log = structlog.get_logger("finalex.bus")


class LastingClient(Client):
    """A client that is called `name` in the log; `encrypted` says that everything must be."""

    def __init__(self, name: str, *, encrypted: bool) -> None:
        super().__init__()
        self.troubles: list[str] = []
        """What has gone wrong since there was a connection, each once, at most `TROUBLES_MAX`."""
        self._name = name
        self._encrypted = encrypted

    async def close(self) -> None:
        """Close; what still waits to be sent leaves if there is a connection, and else is lost without an error."""
        try:
            await super().close()
        except (NatsError, OSError):  # the connection was lost just now: the library stops half-way then
            self._pending, self._pending_data_size, self._status = [], 0, Client.DISCONNECTED
            await super().close()

    async def report(self, error: Exception) -> None:
        """Log what went wrong, once until there is a connection again."""
        if (reason := reason_of(error)) not in self.troubles:
            self.troubles = [*self.troubles, reason][-TROUBLES_MAX:]
            _log.warning("nats_trouble", client=self._name, reason=reason)

    async def lost(self) -> None:
        """Log that the connection is lost."""
        if not self.is_closed:
            _log.warning("nats_lost", client=self._name)

    async def found(self) -> None:
        """Log that there is one again."""
        self.troubles.clear()
        _log.info("nats_found", client=self._name, server=self.connected_url.netloc if self.connected_url else "")

    async def _connect_to_server(self, s: Srv) -> None:
        """Connect with a transport of its own for every attempt."""
        s.last_attempt = time.monotonic()
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]
        self._transport = LeavableTransport()
        await self._transport.connect(s.uri, DEFAULT_BUFFER_SIZE, self.options["connect_timeout"])

    def _connect_command(self) -> bytes:
        """Refuse to show a server anything that should have spoken TLS, whatever it says of itself."""
        if self._encrypted and not self._server_info.get("tls_required"):
            raise NatsError("the server does not speak TLS")
        try:
            return super()._connect_command()
        except LoginError as error:
            raise NatsError(str(error)) from None

    async def _process_err(self, err_msg: str) -> None:
        """Connect again after an error that ends a connection; by itself the library would close for good."""
        if _PERMISSIONS in err_msg.lower():
            await super()._process_err(err_msg)
            return
        error = NatsError(err_msg)
        await self.report(error)
        await self._process_op_err(error)


def reason_of(error: Exception) -> str:
    """Return what went wrong, for the operator."""
    if isinstance(error, NoServersError):
        return "no server answers"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, ConnectionResetError):
        return "the server closes the connection, as it does after a wrong login"
    return str(error).removeprefix("nats: ").strip(" '") or type(error).__name__
