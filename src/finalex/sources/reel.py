"""The port of what a replay plays: recordings of markets, or the log of a server."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, Protocol

from finalex.model.events import AnyEvent
from finalex.sources.pace import PAUSE_MS_MAX
from finalex.sources.reports import Problem


class Scene(NamedTuple):
    """What happens at one moment, perhaps nothing but that time passes.

    `due_ms` says when, on the recorder's clock: its differences are what to wait, at most `pause_ms_max`. `time_ms`
    is the log's clock then.
    """

    due_ms: int
    time_ms: int
    events: Sequence[AnyEvent] = ()
    pause_ms_max: int = PAUSE_MS_MAX


class Reel(Protocol):
    """What a replay plays.

    A scene without events is only played if the log's clock gains at least `clock_step_ms` with it. `repeatable`
    tells whether it can be played again and again, moved in time. `problems` counts what was wrong with it.
    """

    clock_step_ms: int
    repeatable: bool

    @property
    def problems(self) -> Counter[Problem]:
        """What was wrong with what was read, by kind."""
        ...

    @property
    def share(self) -> float:
        """How much of it has been played in this round, from 0 to 1; about."""
        ...

    def play(self, after_ms: int) -> Generator[Scene, None, None]:
        """Iterate the scenes; those of a reel that is played again start later than `after_ms`.

        Nothing is raised for what is in a file. The generator must be closed.
        """
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what was read, by name."""
        ...
