"""Where each stream is: the last message that was published on it."""

from collections.abc import Container
from typing import NamedTuple

from finalex.channels.channel import Turn
from finalex.protocol.messages import Publication
from finalex.protocol.streams import Stream

UNWANTED_MAX = 1000
"""How many streams that nobody wants any more are remembered before they are sorted out, at least."""


class Position(NamedTuple):
    """A message of a stream, published by the batch `sequence`, at `time_ms` by the log's clock."""

    sequence: int
    time_ms: int
    publication: Publication


class Positions:
    """The last message of every stream that somebody wants, for as long as somebody does.

    What nobody wants is sorted out when there are twice as many streams as there were after the last time.
    """

    def __init__(self) -> None:
        self._last: dict[Stream, Position] = {}
        self._last_max = UNWANTED_MAX

    def note(self, turn: Turn) -> None:
        """Take in what `turn` published."""
        for publication in turn.publications:
            position = Position(turn.sequence, turn.time_ms, publication)
            for stream in publication.streams:
                self._last[stream] = position
        if len(self._last) > self._last_max:
            self._sort_out(turn.wanted)

    def get(self, stream: Stream) -> Position | None:
        """Return the last message of `stream`, if one is known."""
        return self._last.get(stream)

    def _sort_out(self, wanted: Container[Stream]) -> None:
        self._last = {stream: position for stream, position in self._last.items() if stream in wanted}
        self._last_max = 2 * len(self._last) + UNWANTED_MAX
