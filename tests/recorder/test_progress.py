import io

import pytest

from finalex.recorder.intake import Counts
from finalex.recorder.progress import Progress, size_text, summary

COUNTS = Counts(messages=12_345, bytes=3_400_000)


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (3_400_000, "3.4 MB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_written_as_people_read_them(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_summary_names_what_went_wrong_if_anything_did() -> None:
    assert summary(COUNTS) == "12,345 messages, 3.4 MB"
    assert summary(Counts(messages=1, gaps=2, disconnects=3)) == "1 message, 0 bytes, 2 gaps, 3 disconnections"


def test_on_a_terminal_one_line_is_written_over_itself() -> None:
    terminal = Terminal()
    progress = Progress(terminal)
    progress.show(COUNTS, 500_000, 2.0)
    progress.show(Counts(messages=12_346, bytes=3_500_000), 500_000, 0.5)
    progress.end()
    first, second = terminal.getvalue().removesuffix("\n").split("\r\x1b[K")[1:]
    assert first == "12,345 messages, 3.4 MB, 1.7 MB/s, 500.0 kB in the file"
    assert second == "12,346 messages, 3.5 MB, 200.0 kB/s, 500.0 kB in the file"


def test_sentences_stand_above_that_line() -> None:
    terminal = Terminal()
    progress = Progress(terminal)
    progress.show(COUNTS, 1, 1.0)
    progress.say("Something is missing.")
    progress.say("And\n\x1b[31m more.")
    assert terminal.getvalue().partition("file")[2] == (
        "\r\x1b[Kfinalex: Something is missing.\nfinalex: And??[31m more.\n"
    )


def test_elsewhere_there_are_only_sentences() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show(COUNTS, 1, 1.0)
    progress.say("Something is missing.")
    progress.end()
    assert stream.getvalue() == "finalex: Something is missing.\n"


def test_a_recording_that_has_an_end_shows_how_near_it_is() -> None:
    terminal = Terminal()
    progress = Progress(terminal, 8.0)
    progress.show(COUNTS, 1, 2.0)
    progress.show(COUNTS, 1, 2.0)
    assert [line.split("%")[0][-4:].strip() for line in terminal.getvalue().split("\r\x1b[K")[1:]] == ["25", "50"]
