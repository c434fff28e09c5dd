"""The archive: what was so in the past, for whoever reads the log again from there."""

import asyncio

import msgspec

from finalex.channels.past import Past
from finalex.exchange.order import Order
from finalex.snapshots.errors import SnapshotError
from finalex.snapshots.port import StoredSnapshots


class Beginning:
    """The archive of a log without snapshots: at its beginning there was nothing."""

    async def past(self, user: str) -> Past | None:  # noqa: ARG002 (nobody had anything)
        """See `recaller.Archive`."""
        return Past()


class NoArchive:
    """The archive of a log that begins in the middle: of what was before it nothing is known."""

    async def past(self, user: str) -> Past | None:  # noqa: ARG002 (it is the same for all)
        """See `recaller.Archive`."""
        return None


class SnapshotArchive:
    """The oldest good snapshot in `folder`, of which only what is asked is decoded, or the beginning of the log."""

    def __init__(self, folder: StoredSnapshots) -> None:
        self._folder = folder
        self._public: Past | None = None

    async def past(self, user: str) -> Past | None:
        """See `recaller.Archive`; reads and decodes in a thread."""
        return await asyncio.to_thread(self._past, user)

    def _past(self, user: str) -> Past:
        sequences = self._folder.sequences()
        if not user and self._public is not None and self._public.sequence in sequences:
            return self._public  # many come back at once, and most want nothing but trades
        for sequence in reversed(sequences):
            try:
                hub = self._folder.read_part(sequence, _Snapshot).hub
                past = _past(hub, user)
            except (SnapshotError, OSError, msgspec.MsgspecError, KeyError):
                continue  # the start tells of damaged ones
            self._public = msgspec.structs.replace(past, orders=[], number=0)
            return past
        return Past()


class _Orders(msgspec.Struct):
    open: list[Order]


class _Paper(msgspec.Struct):
    fills: dict[str, int] = {}


class _Exchange(msgspec.Struct):
    trades: dict[str, int]
    orders: dict[str, msgspec.Raw]
    paper: _Paper = msgspec.field(default_factory=_Paper)


class _Hub(msgspec.Struct):
    sequence: int
    exchange: _Exchange
    channels: dict[str, msgspec.Raw]


class _Snapshot(msgspec.Struct):
    hub: _Hub


class _Account(msgspec.Struct):
    counts: dict[str, int]


def _past(hub: _Hub, user: str) -> Past:
    exchange = hub.exchange
    return Past(hub.sequence, exchange.trades, _open_orders(hub, user), _number(hub, user), exchange.paper.fills)


def _open_orders(hub: _Hub, user: str) -> list[Order]:
    raw = hub.exchange.orders.get(user)
    return [] if raw is None else msgspec.json.decode(raw, type=_Orders).open


def _number(hub: _Hub, user: str) -> int:
    return msgspec.json.decode(hub.channels["account"], type=_Account).counts.get(user, 0) if user else 0
