"""Two hubs with the same log: one that goes on, and one that was loaded from what the other had saved."""

from collections.abc import Container, Sequence
from typing import NamedTuple

from msgspec import json

from channels.feed import EVERYTHING
from finalex.channels.hub import Hub
from finalex.model.events import Batch
from finalex.model.instruments import Instruments
from finalex.protocol.messages import Publication
from finalex.protocol.requests import Subscription
from finalex.protocol.streams import DEPTHS, HISTORY_MAX, INTERVALS, Stream
from finalex.snapshots.encoding import decode_snapshot, encode_snapshot
from finalex.snapshots.snapshot import restore, take_snapshot

PAST = 20
"""So many past candles are compared; all of them are in the end, in what is saved."""


class Sent(NamedTuple):
    """A publication as it leaves: for whom, and its bytes."""

    streams: tuple[Stream, ...]
    id: str
    type: str
    data: bytes


def sent(publications: Sequence[Publication]) -> list[Sent]:
    return [Sent(p.streams, p.id, p.type, json.encode(p.data)) for p in publications]


def reloaded(hub: Hub) -> Hub:
    """Return a new hub that went through a snapshot's bytes."""
    fresh = Hub(hub.instruments)
    restore(decode_snapshot(encode_snapshot(take_snapshot(hub))), fresh)
    return fresh


def openings(hub: Hub, users: Sequence[str]) -> list[list[Sent]]:
    """Return all that a newcomer could be told first."""
    asked = [(Subscription("orders"), user) for user in users] + [(Subscription("account"), user) for user in users]
    asked += [(Subscription("user_trades", snapshot=HISTORY_MAX), user) for user in users]
    for symbol in hub.instruments:
        public = [Subscription("ticker", symbol), Subscription("trades", symbol, snapshot=HISTORY_MAX)]
        public += [Subscription("orderbook", symbol, depth=depth) for depth in DEPTHS]
        public += [Subscription("kline", symbol, interval=name, history=PAST) for name in INTERVALS]
        asked += [(subscription, users[0]) for subscription in public]
    return [sent(hub.opening(hub.stream(subscription, user), subscription)) for subscription, user in asked]


def check_continuation(
    batches: Sequence[Batch],
    cuts: Container[int],
    instruments: Instruments,
    wanted: Container[Stream] = EVERYTHING,
    users: Sequence[str] = ("ann",),
) -> None:
    """Assert that a hub which is replaced after each batch of `cuts` by a loaded one does exactly what one does that
    lives on: the same publications, in the same batches, and in the end the same state to the byte."""
    living, loaded = Hub(instruments), Hub(instruments)
    for batch in batches:
        assert sent(loaded.apply(batch, wanted)) == sent(living.apply(batch, wanted))
        if batch.sequence in cuts:
            loaded = reloaded(loaded)
            assert openings(loaded, users) == openings(living, users)
            assert loaded.counters() == living.counters()
    assert encode_snapshot(take_snapshot(loaded)) == encode_snapshot(take_snapshot(living))
