"""File descriptors: how many connections there are enough of them for, and whether they have run out all the same."""

import asyncio
import errno
import os
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import structlog

from finalex.metrics import Metrics

RESERVED = 64
"""So many are kept for everything that is no connection: the log, snapshots, keys, the operator's socket."""

HANDSHAKE_SHARE = 8
"""One in so many of the rest is for connections that have not shaken hands yet, and for requests for pages."""

UNLIMITED = 1 << 20
"""As many as are counted on where there is no limit."""

LOOK_INTERVAL_S = 1.0
WARNINGS_APART_S = 60.0

_log = structlog.get_logger("finalex.descriptors")


class Room(NamedTuple):
    """How many WebSocket connections there may be at once, and how many that are not that far."""

    connections: int
    handshakes: int


def raise_limit() -> int:
    """Let this process open as many files as it may at most, and return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems have a lower limit than they say
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft


def share_out(limit: int, connections_max: int, handshakes_max: int) -> Room:
    """Return for how many connections, at most as many as asked for, `limit` descriptors are enough."""
    left = max(2, limit - min(RESERVED, limit // 2))
    handshakes = min(handshakes_max, max(1, left // HANDSHAKE_SHARE))
    return Room(min(connections_max, left - handshakes), handshakes)


def any_left() -> bool:
    """Whether another file can be opened."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True


class DescriptorWatch:
    """Looks every `LOOK_INTERVAL_S` whether there are descriptors left, and says so when there are none.

    The event loop itself survives that: it drops new connections until there are some again, and tells nobody.
    """

    def __init__(
        self,
        metrics: Metrics,
        look: Callable[[], bool] = any_left,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.times_out = 0
        self._look = look
        self._clock = clock
        self._sleep = sleep
        self._out = False
        self._warned_s = -WARNINGS_APART_S
        metrics.watch_total(
            "descriptors_exhausted",
            "How often, looking once a second, no file descriptor was left: new connections are dropped then",
            lambda: self.times_out,
        )

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._note(out=not self._look())
            await self._sleep(LOOK_INTERVAL_S)

    def _note(self, *, out: bool) -> None:
        self.times_out += out
        now_s = self._clock()
        if out and now_s - self._warned_s >= WARNINGS_APART_S:
            self._warned_s, self._out = now_s, True
            _log.warning("descriptors_exhausted")
        elif self._out and not out:
            self._out = False
            _log.info("descriptors_free_again")
