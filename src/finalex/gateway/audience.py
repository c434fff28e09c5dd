"""Who listens to what: members with the same streams form a group, and the groups that have a stream its audience."""

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from finalex.protocol.streams import Stream

MemberT = TypeVar("MemberT")

Send = Callable[[bytes], None]
"""Takes whole frames for one member."""


class Group(Generic[MemberT]):
    """All members with exactly the same streams and kind of frames, how each is sent to, and the frames that wait."""

    __slots__ = ("deflates", "frames", "members", "streams")

    def __init__(self, streams: frozenset[Stream], *, deflates: bool) -> None:
        self.streams = streams
        self.deflates = deflates
        self.members: dict[MemberT, Send] = {}
        self.frames: list[bytes] = []


class Audience(Generic[MemberT]):
    """The groups that have one stream: those with `plain` frames, with the frames that wait, and those `deflating`.

    `members` is how many they have altogether.
    """

    __slots__ = ("deflating", "members", "plain")

    def __init__(self) -> None:
        self.plain: dict[Group[MemberT], list[bytes]] = {}
        self.deflating: dict[Group[MemberT], None] = {}
        self.members = 0


class Audiences(Generic[MemberT]):
    """All groups and audiences; those without members do not exist."""

    def __init__(self) -> None:
        self.by_stream: dict[Stream, Audience[MemberT]] = {}
        self._groups: dict[tuple[frozenset[Stream], bool], Group[MemberT]] = {}

    def of(self, streams: tuple[Stream, ...]) -> Collection[Audience[MemberT]]:
        """Return the audiences of `streams`, as many as there are."""
        if len(streams) == 1:
            audience = self.by_stream.get(streams[0])
            return () if audience is None else (audience,)
        return [self.by_stream[stream] for stream in streams if stream in self.by_stream]

    def groups_of(self, audiences: Collection[Audience[MemberT]]) -> Iterable[Group[MemberT]]:
        """Return the groups of `audiences`, each once, and maybe others: those of many are almost all there are."""
        if sum(len(audience.plain) + len(audience.deflating) for audience in audiences) > len(self._groups):
            return tuple(self._groups.values())
        return set[Group[MemberT]]().union(*(part for a in audiences for part in (a.plain, a.deflating)))

    def group(self, streams: frozenset[Stream], *, deflates: bool) -> Group[MemberT] | None:
        """Return the group with these streams, if there is one."""
        return self._groups.get((streams, deflates))

    def join(self, streams: frozenset[Stream], member: MemberT, send: Send, *, deflates: bool) -> Group[MemberT]:
        """Put a new member into the group with these streams and return it."""
        group = self._groups.get((streams, deflates)) or self._begin(streams, deflates=deflates)
        group.members[member] = send
        for stream in streams:
            self.by_stream[stream].members += 1
        return group

    def leave(self, group: Group[MemberT], member: MemberT) -> None:
        """Take a member out of its group."""
        del group.members[member]
        for stream in group.streams:
            self.by_stream[stream].members -= 1
        if not group.members:
            self._end(group)

    def _begin(self, streams: frozenset[Stream], *, deflates: bool) -> Group[MemberT]:
        group: Group[MemberT] = Group(streams, deflates=deflates)
        self._groups[streams, deflates] = group
        for stream in streams:
            audience = self.by_stream.setdefault(stream, Audience())
            if deflates:
                audience.deflating[group] = None
            else:
                audience.plain[group] = group.frames
        return group

    def _end(self, group: Group[MemberT]) -> None:
        del self._groups[group.streams, group.deflates]
        for stream in group.streams:
            audience = self.by_stream[stream]
            (audience.deflating if group.deflates else audience.plain).pop(group)
            if not audience.members:
                del self.by_stream[stream]
