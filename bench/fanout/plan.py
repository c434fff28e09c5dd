"""The plan of a run: what `load` reads (plan.c). Blanks part words and numbers; bytes have their size before."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from bench.fanout.target import Speech, Tick, Trigger
from bench.fanout.workloads import Audience

VERSION = 1
NO_SWITCH = "-"


class Kind(IntEnum):
    """What clients do: read all the time, stop for a while, or come and go; see plan.h."""

    STEADY = 0
    SLOW = 1
    CHURNING = 2


@dataclass(frozen=True)
class Course:
    """How a run goes. Times count from the end of the warm-up.

    With `rate` (ticks a second) ticks come by the clock, else `window` are in flight at once. A `special_share` of the
    clients of each audience is not steady: they read nothing from `slow_from_s` to `slow_to_s`, or, if these are 0,
    `churn_per_s` of them come anew each second. Latencies are reported for each of the phases that end at
    `phase_ends_s`; with the last the run ends.
    """

    warm_up_s: float
    phase_ends_s: tuple[float, ...]
    rate: float = 0.0
    window: int = 1
    special_share: float = 0.0
    slow_from_s: float = 0.0
    slow_to_s: float = 0.0
    churn_per_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long is measured."""
        return self.phase_ends_s[-1]

    @property
    def special(self) -> Kind:
        """What the clients are that are not steady."""
        return Kind.SLOW if self.slow_to_s else Kind.CHURNING


@dataclass(frozen=True)
class Server:
    """A server that runs: where, which processes it has, and the file that switches its sends off, if it has one."""

    port: int
    trigger_port: int
    processes: tuple[int, ...]
    switch: str = NO_SWITCH
    host: str = "127.0.0.1"


def encode_plan(
    speech: Speech, audiences: Sequence[Audience], ticks: Sequence[Tick], server: Server, course: Course
) -> bytes:
    """Return the plan in which clients are the `audiences` and the cycle is `ticks`."""
    used = {stream for audience in audiences for stream in audience.streams}
    streams = 1 + max(used | {stream for tick in ticks for stream, _ in tick})
    return b"".join(
        (
            _settings(speech, server, course),
            _line("streams", streams),
            *(_line(int(speech.contiguous(stream)), speech.prefix(stream)) for stream in range(streams)),
            *_groups(speech, audiences, course),
            _trigger(speech),
            _line("ticks", len(ticks)),
            *(_tick(speech.trigger(number), tick, streams) for number, tick in enumerate(ticks)),
        )
    )


def _line(*words: object) -> bytes:
    return " ".join(map(str, words)).encode() + b"\n"


def _settings(speech: Speech, server: Server, course: Course) -> bytes:
    return b"".join(
        (
            _line("finalex-load", VERSION),
            _line("host", server.host),
            _line("ports", server.port, server.trigger_port),
            _line("reading", speech.reading),
            _line("triggering", speech.triggering),
            _line("window", course.window),
            _line("rate", course.rate),
            _line("seconds", course.warm_up_s, course.seconds),
            _line("slow", course.slow_from_s, course.slow_to_s),
            _line("churn", course.churn_per_s),
            _line("switch", server.switch),
            _line("processes", len(server.processes), *server.processes),
            _line("phases", len(course.phase_ends_s), *course.phase_ends_s),
        )
    )


def _groups(speech: Speech, audiences: Iterable[Audience], course: Course) -> Iterator[bytes]:
    groups = [group for audience in audiences for group in _divided(audience, course)]
    yield _line("groups", len(groups))
    for clients, kind, streams in groups:
        opening, handshake = speech.opening(streams), speech.handshake(streams)
        yield _said(handshake, opening.data, clients, int(kind), opening.answers, len(streams), *streams)


def _divided(audience: Audience, course: Course) -> Iterator[tuple[int, Kind, tuple[int, ...]]]:
    special = int(audience.clients * course.special_share)
    yield audience.clients - special, Kind.STEADY, audience.streams
    if special:
        yield special, course.special, audience.streams


def _trigger(speech: Speech) -> bytes:
    opening, handshake = speech.trigger_opening(), speech.trigger_handshake()
    return _said(handshake, opening.data, "trigger", opening.answers)


def _said(handshake: bytes, opening: bytes, *words: object) -> bytes:
    return _line(*words, len(handshake), len(opening)) + handshake + b"\n" + opening + b"\n"


def _tick(trigger: Trigger, tick: Tick, streams: int) -> bytes:
    counts = Counter(stream for stream, _ in tick)
    patches = [number for patch in trigger.patches for number in patch]
    numbers = (*patches, *(counts[stream] for stream in range(streams)), len(trigger.data))
    return _line(trigger.replies, len(trigger.patches), *numbers) + trigger.data + b"\n"
