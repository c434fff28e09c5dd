"""A bar for work that takes long; only people at a terminal see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

STEPS = 1_000
"""A bar moves at most so often, however often it is told how far the work is."""

Show = Callable[[int, int], None]
"""Called with what is done, and the whole."""


@contextmanager
def progress_bar(label: str, console: Console) -> Iterator[Show]:
    """Show on `console` how far some work is, and nothing of it afterwards; without a terminal do nothing."""
    if not console.is_terminal:
        yield _show_nothing
        return
    columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(label, total=STEPS)
        shown = [0]

        def show(done: int, total: int) -> None:
            step = STEPS * done // max(1, total)
            if step != shown[0]:
                shown[0] = step
                progress.update(task, completed=step)

        yield show


def _show_nothing(_done: int, _total: int) -> None:
    """Show nothing."""
