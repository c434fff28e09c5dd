"""The fan-out: one publication becomes one frame, and one tick one write for each connection that wants it."""

from collections.abc import Callable, Container, Iterable
from typing import Protocol

from finalex.gateway.framing import frame_text
from finalex.metrics import Metrics
from finalex.protocol.messages import Publication, encode_publication
from finalex.protocol.streams import Stream

WAITING_BYTES_MAX = 1 << 18
"""What may be published before it is written without waiting for the tick to end."""


class Member(Protocol):
    """A connection, as far as the fan-out knows it."""

    def write(self, frames: bytes) -> None:
        """Take whole frames; never waits and never raises."""
        ...


class Group:
    """All members with exactly these streams, and the frames that wait for them."""

    __slots__ = ("frames", "members", "streams")

    def __init__(self, streams: frozenset[Stream]) -> None:
        self.streams = streams
        self.members: dict[Member, None] = {}
        self.frames: list[bytes] = []


class Fanout:
    """Hands publications to the members of their streams, in the order in which they were published.

    Frames wait until the event loop's next turn: `call_soon` is asked to call `flush` then. A member gets a
    publication once, even if it has several of its streams. When all members have different streams, every group
    has one member, and a publication costs one list entry for each before it costs a write.
    """

    def __init__(self, call_soon: Callable[[Callable[[], None]], object], metrics: Metrics) -> None:
        self._call_soon = call_soon
        self._metrics = metrics
        self._groups: dict[frozenset[Stream], Group] = {}
        self._group_of: dict[Member, Group] = {}
        self._listening: dict[Stream, dict[Group, None]] = {}
        self._waiting: dict[Group, None] = {}
        self._waiting_bytes = 0
        self._scheduled = False

    @property
    def wanted(self) -> Container[Stream]:
        """The streams that have members, always as they are now."""
        return self._listening

    def streams(self, member: Member) -> frozenset[Stream]:
        """Return the streams of `member`."""
        group = self._group_of.get(member)
        return frozenset() if group is None else group.streams

    def publish(self, publications: Iterable[Publication], now_ms: int) -> None:
        """Take publications in, in order; `now_ms` is when they count as sent."""
        for publication in publications:
            groups = self._groups_with(publication.streams)
            if groups:
                self._add(frame_text(encode_publication(publication, now_ms)), groups)
        if self._waiting_bytes > WAITING_BYTES_MAX:
            self.flush()
        elif self._waiting and not self._scheduled:
            self._scheduled = True
            self._call_soon(self._flush_scheduled)

    def place(self, member: Member, streams: frozenset[Stream]) -> None:
        """From now on `member` gets what is published on `streams`, and nothing published before.

        What waits for it is dropped: `settle` first.
        """
        self.remove(member)
        if not streams:
            return
        if streams in self._groups:
            self._flush_group(self._groups[streams])  # which can end its members, and with the last one the group
        group = self._groups.get(streams) or self._new_group(streams)
        group.members[member] = None
        self._group_of[member] = group
        self._count(streams, 1)

    def remove(self, member: Member) -> None:
        """Write nothing more to `member`, not even what waits for it."""
        group = self._group_of.pop(member, None)
        if group is None:
            return
        del group.members[member]
        self._count(group.streams, -1)
        if not group.members:
            self._drop_group(group)

    def settle(self, member: Member) -> None:
        """Write what waits for `member`."""
        group = self._group_of.get(member)
        if group is not None:
            self._flush_group(group)

    def flush(self) -> None:
        """Write everything that waits."""
        waiting, self._waiting = self._waiting, {}
        self._waiting_bytes = 0
        for group in waiting:
            self._flush_group(group)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _add(self, frame: bytes, groups: Iterable[Group]) -> None:
        self._metrics.publications += 1
        self._waiting_bytes += len(frame)
        for group in groups:
            if not group.frames:
                self._waiting[group] = None
            group.frames.append(frame)

    def _flush_group(self, group: Group) -> None:
        if not group.frames:
            return
        frames, group.frames = group.frames, []
        self._waiting.pop(group, None)
        self._metrics.deliveries += len(frames) * len(group.members)
        joined = b"".join(frames)
        for member in tuple(group.members):  # a write can end a connection
            member.write(joined)

    def _groups_with(self, streams: tuple[Stream, ...]) -> Iterable[Group]:
        if len(streams) == 1:
            return self._listening.get(streams[0], ())
        return {group: None for stream in streams for group in self._listening.get(stream, ())}

    def _new_group(self, streams: frozenset[Stream]) -> Group:
        group = self._groups[streams] = Group(streams)
        for stream in streams:
            self._listening.setdefault(stream, {})[group] = None
        return group

    def _drop_group(self, group: Group) -> None:
        del self._groups[group.streams]
        self._waiting.pop(group, None)
        for stream in group.streams:
            groups = self._listening[stream]
            del groups[group]
            if not groups:
                del self._listening[stream]

    def _count(self, streams: Iterable[Stream], by: int) -> None:
        for stream in streams:
            self._metrics.subscriptions[stream.channel] += by
