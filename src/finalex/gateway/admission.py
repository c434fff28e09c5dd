"""How many connections an address may have, and what becomes of one that keeps knocking."""

from collections import Counter, deque
from enum import Enum, auto

from finalex.gateway.addresses import limited_as
from finalex.session.elsewhere import NOWHERE, Elsewhere

WINDOW_MS = 60_000
"""Refusals of the last minute count."""

ADDRESSES_MAX = 10_000
"""How many refused addresses are remembered; the one refused longest ago is forgotten first."""


class Verdict(Enum):
    """What to do with a connection."""

    ADMIT = auto()
    REFUSE = auto()
    """Over the limit: accept the handshake, say so, and close."""
    TURN_AWAY = auto()
    """Over the limit, and told so too often: not even a handshake."""


class Admission:
    """Counts connections by address, those of an IPv6 /64 as one, with those that other gateways have.

    Times are milliseconds of any one clock that never goes back.
    """

    def __init__(self, connections_per_ip: int, refusals_per_minute_max: int, elsewhere: Elsewhere = NOWHERE) -> None:
        self._connections_per_ip = connections_per_ip
        self._refusals_max = refusals_per_minute_max
        self._elsewhere = elsewhere
        self._connections: Counter[str] = Counter()
        self._refusals: dict[str, deque[int]] = {}

    def judge(self, address: str, now_ms: int) -> Verdict:
        """Count one more connection of `address` in, or say why not.

        An admitted one must `leave`. An address with room is admitted however often it was refused before.
        """
        address = limited_as(address)
        if self._room(address) > 0:
            self._connections[address] += 1
            self._elsewhere.tell_connections(address, self._connections[address])
            return Verdict.ADMIT
        refusals = self._refusals.pop(address, None) or deque(maxlen=self._refusals_max)
        self._refusals[address] = refusals  # now the youngest
        if len(self._refusals) > ADDRESSES_MAX:
            del self._refusals[next(iter(self._refusals))]
        while refusals and refusals[0] <= now_ms - WINDOW_MS:
            refusals.popleft()
        if len(refusals) == self._refusals_max:
            return Verdict.TURN_AWAY
        refusals.append(now_ms)
        return Verdict.REFUSE

    def remaining(self, address: str) -> int:
        """Return how many more connections `address` may have."""
        return max(0, self._room(limited_as(address)))

    def leave(self, address: str) -> None:
        """Count an admitted connection of `address` out."""
        address = limited_as(address)
        self._connections[address] -= 1
        self._elsewhere.tell_connections(address, self._connections[address])
        if self._connections[address] <= 0:
            del self._connections[address]

    def _room(self, limited: str) -> int:
        return self._connections_per_ip - self._connections[limited] - self._elsewhere.connections(limited)
