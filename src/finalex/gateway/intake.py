"""How many bytes clients may send: each connection, all of an address, and all together."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from finalex.gateway.addresses import limited_as
from finalex.gateway.rates import Bucket, Buckets
from finalex.gateway.settings import GatewaySettings
from finalex.protocol.errors import CloseCode

MINUTE_MS = 60_000

FRAME_HEAD_BYTES = 6
"""What the shortest frame of a client has besides its payload: so empty ones count too."""

SETTLED_BYTES = 1 << 16
"""So much a connection sends between two looks at the clock."""

HEAVY_BYTES = 4 * SETTLED_BYTES
"""When all together send too much, those end that sent more than this lately: who sends little is left alone."""


class TooMuch(NamedTuple):
    """Why a connection ends."""

    code: CloseCode
    reason: str


OF_CONNECTION: Final = TooMuch(CloseCode.POLICY_VIOLATION, "too many bytes in a minute")
OF_ADDRESS: Final = TooMuch(CloseCode.POLICY_VIOLATION, "too many bytes in a minute from this address")
OF_ALL: Final = TooMuch(CloseCode.TRY_AGAIN_LATER, "too many bytes in a minute from all clients")


def loop_ms() -> float:
    """Return the event loop's time in milliseconds, which never goes back."""
    return asyncio.get_running_loop().time() * 1000


class Intake:
    """The rates of all connections.

    A connection may always send two messages of the greatest size a minute, an address as much as a connection, and
    all together as much as an address.
    """

    def __init__(self, settings: GatewaySettings, clock_ms: Callable[[], float] = loop_ms) -> None:
        self._clock_ms = clock_ms
        self._connection_max = max(settings.bytes_per_minute_max, 2 * settings.message_bytes_max)
        address_max = max(self._connection_max, settings.bytes_per_minute_per_ip_max)
        self._addresses = Buckets(address_max, MINUTE_MS)
        self._all = Bucket(max(address_max, settings.bytes_per_minute_of_all_max), MINUTE_MS, 0)

    def meter(self, address: str | None) -> "Meter":
        """Return the meter of a new connection; `None` is the address of those that were refused."""
        return Meter(self, limited_as(address or ""))

    def settle(self, size: int, address: str, own: Bucket | None) -> tuple[Bucket, TooMuch | None]:
        """Take `size` for a connection whose bucket is `own` if it has one; return its bucket, and what is too much."""
        now_ms = self._clock_ms()
        bucket = own or Bucket(self._connection_max, MINUTE_MS, now_ms)
        if not bucket.take(size, now_ms):
            return bucket, OF_CONNECTION
        if not self._addresses.of(address, now_ms).take(size, now_ms):
            return bucket, OF_ADDRESS
        if not self._all.take(size, now_ms) and bucket.taken > HEAVY_BYTES:
            return bucket, OF_ALL
        return bucket, None


class Meter:
    """Counts what one connection sends."""

    __slots__ = ("_address", "_bucket", "_intake", "_unsettled_bytes")

    def __init__(self, intake: Intake, address: str) -> None:
        self._intake = intake
        self._address = address
        self._bucket: Bucket | None = None
        self._unsettled_bytes = 0

    def take(self, payload_bytes: int) -> TooMuch | None:
        """Count a frame with so much in it; return what is too much with it and those before, if anything is."""
        self._unsettled_bytes += payload_bytes + FRAME_HEAD_BYTES
        if self._unsettled_bytes <= SETTLED_BYTES:
            return None
        size, self._unsettled_bytes = self._unsettled_bytes, 0
        self._bucket, too_much = self._intake.settle(size, self._address, self._bucket)
        return too_much
