"""The fan-out: one publication becomes one frame, and one tick one write for each connection that wants it."""

from collections import deque
from collections.abc import Callable, Collection, Container, Iterable
from itertools import repeat
from typing import NamedTuple, Protocol

from finalex.gateway.audience import Audience, Audiences, Group
from finalex.gateway.deflate import deflate_frame
from finalex.gateway.failures import report_failure
from finalex.gateway.framing import frame_text
from finalex.gateway.traffic import Traffic
from finalex.metrics import Metrics
from finalex.protocol.messages import Publication, encode_publication
from finalex.protocol.streams import Stream

WAITING_BYTES_MAX = 1 << 18
"""What may be published before it is written without waiting for the tick to end."""


class Member(Protocol):
    """A connection, as far as the fan-out knows it."""

    @property
    def deflates(self) -> bool:
        """Whether it takes compressed frames; this never changes."""
        ...

    @property
    def send(self) -> Callable[[bytes], None]:
        """What takes whole frames and never waits; when it is another one, say `exchange`."""
        ...

    def drop(self) -> None:
        """End it: it cannot be written to."""
        ...


_run = deque[None](maxlen=0).extend
"""Runs through an iterator for its effects, without a step of Python for each."""


class _Place(NamedTuple):
    group: Group[Member]
    streams: frozenset[Stream]


class Fanout:
    """Hands publications to the members of their streams, in the order in which they were published.

    Frames wait until the event loop's next turn: `call_soon` is asked to call `flush` then. A member gets a
    publication once, even if it has several of its streams. Members with the same streams form a group, whose bytes
    of a tick are joined once; when all members have different streams, a publication costs one list entry for each
    of them before it costs a write.
    """

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], metrics: Metrics, now_ms: Callable[[], int]
    ) -> None:
        self._call_soon = call_soon
        self._metrics = metrics
        self._traffic = Traffic(metrics, now_ms)
        self._audiences: Audiences[Member] = Audiences()
        self._places: dict[Member, _Place] = {}
        self._waiting: dict[Audience[Member], None] = {}
        self._waiting_bytes = 0
        self._scheduled = False

    @property
    def wanted(self) -> Container[Stream]:
        """The streams that have members, always as they are now."""
        return self._audiences.by_stream

    def streams(self, member: Member) -> frozenset[Stream]:
        """Return the streams of `member`."""
        place = self._places.get(member)
        return frozenset() if place is None else place.streams

    def publish(self, publications: Iterable[Publication], now_ms: int, since_ms: int | None = None) -> None:
        """Take publications in, in order; `now_ms` is when they count as sent, `since_ms` when they happened.

        `None` is for recordings, which tell of another time.
        """
        for publication in publications:
            audiences = self._audiences.of(publication.streams)
            if audiences:
                self._add(publication, encode_publication(publication, now_ms), audiences)
        if self._waiting:
            self._traffic.note_time(since_ms)
            self._schedule()

    def place(self, member: Member, streams: frozenset[Stream]) -> None:
        """From now on `member` gets what is published on `streams`, and nothing published before.

        What waits for it is dropped: `settle` first.
        """
        self.remove(member)
        if not streams:
            return
        existing = self._audiences.group(streams, deflates=member.deflates)
        if existing is not None:
            self._flush_group(existing)  # which can end its members, and with the last one the group
        group = self._audiences.join(streams, member, member.send, deflates=member.deflates)
        self._places[member] = _Place(group, streams)
        self._count(streams, 1)

    def exchange(self, member: Member) -> None:
        """The `send` of `member` is another one from now on."""
        place = self._places.get(member)
        if place is not None:
            place.group.members[member] = member.send

    def remove(self, member: Member) -> None:
        """Write nothing more to `member`, not even what waits for it."""
        place = self._places.pop(member, None)
        if place is not None:
            self._audiences.leave(place.group, member)
            self._count(place.streams, -1)

    def settle(self, member: Member) -> None:
        """Write what waits for `member`."""
        place = self._places.get(member)
        if place is not None:
            self._flush_group(place.group)

    def flush(self) -> None:
        """Write everything that waits."""
        waiting, self._waiting = self._waiting, {}
        self._waiting_bytes = 0
        for group in self._audiences.groups_of(waiting):
            if group.frames:
                self._flush_group(group)
        self._traffic.note_written()

    def _schedule(self) -> None:
        if self._waiting_bytes > WAITING_BYTES_MAX:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            self._call_soon(self._flush_scheduled)

    def _flush_scheduled(self) -> None:
        self._scheduled = False
        self.flush()

    def _add(self, publication: Publication, text: bytes, audiences: Collection[Audience[Member]]) -> None:
        frame = frame_text(text)
        self._waiting_bytes += len(frame)
        if len(audiences) == 1:
            (audience,) = audiences
            _run(map(list.append, audience.plain.values(), repeat(frame)))
            groups: Collection[Group[Member]] = audience.deflating
            receivers = audience.members
        else:
            groups, receivers = self._add_to_several(frame, audiences)
        if groups:
            deflated = deflate_frame(text)
            for group in groups:
                group.frames.append(deflated)
        for audience in audiences:
            self._waiting[audience] = None
        self._traffic.note_publication(publication.streams[0].channel, receivers)

    def _add_to_several(
        self, frame: bytes, audiences: Collection[Audience[Member]]
    ) -> tuple[Collection[Group[Member]], int]:
        """Add to groups that may have several of the streams; return those for compressed frames, and all receivers."""
        groups = {group for audience in audiences for group in (*audience.plain, *audience.deflating)}
        for group in groups:
            if not group.deflates:
                group.frames.append(frame)
        return [group for group in groups if group.deflates], sum(len(group.members) for group in groups)

    def _flush_group(self, group: Group[Member]) -> None:
        frames = group.frames
        if not frames:
            return
        joined = b"".join(frames) if len(frames) > 1 else frames[0]
        frames.clear()
        members = tuple(group.members.items())  # a write can end a connection
        self._metrics.bytes_sent += len(joined) * len(members)
        for member, send in members:
            try:
                send(joined)
            except Exception as error:  # what one cannot take must not be lost to the others
                report_failure("write", error, self._metrics)
                member.drop()

    def _count(self, streams: Iterable[Stream], by: int) -> None:
        for stream in streams:
            self._metrics.subscriptions[stream.channel] += by
