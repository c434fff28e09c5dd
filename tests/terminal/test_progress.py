"""Bars: on a terminal alone, and gone afterwards."""

import io

from rich.console import Console

from finalex.terminal.progress import STEPS, progress_bar


def test_a_terminal_sees_how_far_the_work_is() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with console.capture() as capture, progress_bar("reading", console) as show:
        show(1, 2)
    shown = capture.get()

    assert "reading" in shown
    assert "50%" in shown


def test_a_pipe_sees_nothing() -> None:
    written = io.StringIO()
    with progress_bar("reading", Console(file=written, force_terminal=False)) as show:
        show(1, 2)

    assert written.getvalue() == ""


def test_work_that_tells_often_moves_the_bar_seldom() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with console.capture() as capture, progress_bar("reading", console) as show:
        for done in range(100_000):
            show(done, 100_000)

    assert capture.get().count("reading") <= STEPS


def test_nothing_to_do_is_no_error() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with console.capture() as capture, progress_bar("reading", console) as show:
        show(0, 0)

    assert "reading" in capture.get()
