"""Tracks: recordings of the same symbols laid one after the other, those of others side by side.

All lines are ordered by the exchange's own clock, so recorders whose clocks differ do no harm. A file that does not
go on where the one before ended is moved in time to follow it, and every move is by whole minutes: the candles of a
moved recording are those of the recording.
"""

from collections.abc import Generator, Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import NamedTuple

from finalex.sources.messages import Message, market_time_ms
from finalex.sources.recordings import Fault, Note, Recording, leave_unnoted, read_lines

TIME_BACK_MS_MAX = 1_000
"""A file that starts at most this much before the end of the one before still goes on from it: messages overtake."""

TIME_GAP_MS_MAX = 3_600_000
"""A file that starts at most this much after that goes on, too; symbols that start so near are played as they are."""

PAUSE_MS = 2_000
"""At least so much of the exchange's time lies between recordings that do not go on."""


class Opened(NamedTuple):
    """A file was opened; `continues` tells whether it goes on where the one before ended."""

    continues: bool


class Cue(NamedTuple):
    """A line and when it is played.

    `clock_ms` is the exchange's time so far, moved; it never goes back. `move_ms` is to be added to the times in
    the message. `due_ms` is the recorder's receive time, moved: its differences are what to wait.
    """

    recording: Recording
    number: int
    content: Message | Fault | Opened
    clock_ms: int
    move_ms: int
    due_ms: int


def play(recordings: Sequence[Recording], after_ms: int = 0, note: Note = leave_unnoted) -> Generator[Cue, None, None]:
    """Iterate all lines of all files in the order of `clock_ms`, which starts later than `after_ms`.

    Each file begins with `Opened`. Nothing is raised for what is in a file, and one line of each track is held. `note`
    hears how far each file is read.
    """
    tracks = _lay(recordings)
    first_ms = recordings[0].start_ms
    moves = [_move_beside(track[0].start_ms, first_ms) for track in tracks]
    starts = [track[0].start_ms + move_ms for track, move_ms in zip(tracks, moves, strict=True)]
    extra_ms = _whole_minutes(after_ms - min(starts)) if after_ms else 0
    cues = [_play_track(track, move_ms + extra_ms, note) for track, move_ms in zip(tracks, moves, strict=True)]
    yield from merge(*cues, key=attrgetter("clock_ms"))


def _lay(recordings: Sequence[Recording]) -> list[list[Recording]]:
    """Return the tracks: files that share a symbol, directly or through others, are in the same one."""
    tracks: list[list[Recording]] = []
    for recording in recordings:
        touched = [track for track in tracks if any(set(each.symbols) & set(recording.symbols) for each in track)]
        tracks = [track for track in tracks if track not in touched]
        tracks.append([*(each for track in touched for each in track), recording])
    return tracks


def _play_track(track: list[Recording], move_ms: int, note: Note) -> Iterator[Cue]:
    clock_ms = 0
    for recording in track:
        start_ms = recording.start_ms + move_ms
        continues = -TIME_BACK_MS_MAX <= start_ms - clock_ms <= TIME_GAP_MS_MAX
        if clock_ms and not continues:
            move_ms = _whole_minutes(clock_ms + PAUSE_MS - recording.start_ms)
            start_ms = recording.start_ms + move_ms
        clock_ms = max(clock_ms, start_ms)
        yield Cue(recording, 0, Opened(continues), clock_ms, move_ms, start_ms)
        lag_ms = start_ms - recording.receive_ns // 1_000_000
        for number, receive_ns, content in read_lines(recording.path, recording.format, note):
            time_ms = None if isinstance(content, Fault) else market_time_ms(content)
            clock_ms = max(clock_ms, time_ms + move_ms) if time_ms else clock_ms
            yield Cue(recording, number, content, clock_ms, move_ms, receive_ns // 1_000_000 + lag_ms)


def _move_beside(start_ms: int, first_ms: int) -> int:
    return 0 if abs(start_ms - first_ms) <= TIME_GAP_MS_MAX else _whole_minutes(first_ms - start_ms)


def _whole_minutes(time_ms: int) -> int:
    """Return `time_ms` rounded up to a whole minute."""
    return -(-time_ms // 60_000) * 60_000
