"""Bars of text, and who sees them."""

import asyncio
import io
from pathlib import Path

import pytest

from finalex.bars import bar_text
from finalex.sourcing import show_share
from support.binance import write
from support.player import MARKET, Player


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "░" * 20 + "   0 %"),
        (0.5, "█" * 10 + "░" * 10 + "  50 %"),
        (0.999, "█" * 19 + "░" + "  99 %"),
        (7, "█" * 20 + " 100 %"),
    ],
)
def test_a_bar_shows_how_much_is_done(share: float, text: str) -> None:
    assert bar_text(share) == text


async def test_somebody_at_a_terminal_sees_how_much_of_a_recording_was_played(tmp_path: Path) -> None:
    source, terminal, pipe = Player().source(write(tmp_path / "a.gz", MARKET)), Terminal(), io.StringIO()
    showing = asyncio.create_task(show_share(source, terminal))
    await asyncio.sleep(0)
    await show_share(source, pipe)
    await source.run()
    showing.cancel()
    assert terminal.getvalue().startswith("░" * 20 + "   0 % played\r")
    assert pipe.getvalue() == ""
    await show_share(source, terminal)  # comes back at once: the end was reached
