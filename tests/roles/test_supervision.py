"""Children that end are started again, later each time, and those that do not end by themselves are killed."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from finalex.gateway.back_door import BackDoor
from finalex.metrics import Metrics
from finalex.roles import supervision
from finalex.roles.supervision import PAUSE_MAX_S, PAUSE_MIN_S, STEADY_S, Part, Pauses, keep_running, until_ready

WAIT_S = 60.0


class FallingChild:
    """Ends so many times, at once; every second start fails."""

    def __init__(self, falls: int) -> None:
        self._falls = falls
        self.starts = 0
        self.lasts = asyncio.Event()

    async def start(self) -> None:
        self.starts += 1
        if self.starts % 2:
            raise OSError("too many processes")

    async def ended(self) -> int:
        if self.starts == self._falls:
            self.lasts.set()
            await asyncio.Event().wait()
        return 3

    async def stop(self) -> None:
        raise AssertionError("nobody asked for that")


def test_pauses_grow_until_a_child_has_run_for_long() -> None:
    pauses = Pauses()
    assert [pauses.after(0) for _ in range(8)] == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert pauses.after(STEADY_S) == PAUSE_MIN_S
    assert pauses.after(STEADY_S - 1) == 2 * PAUSE_MIN_S
    assert PAUSE_MAX_S < STEADY_S


async def test_what_ends_is_started_again_even_if_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PAUSE_MIN_S", 0.0)
    child = FallingChild(falls=4)
    with capture_logs() as logged:
        keeping = asyncio.ensure_future(keep_running("gateway-1", child))
        async with asyncio.timeout(WAIT_S):
            await child.lasts.wait()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    assert [(entry["event"], entry.get("code"), entry["child"]) for entry in logged] == [
        ("child_ended", 3, "gateway-1"),
        ("child_not_started", None, "gateway-1"),
    ] + [("child_ended", 3, "gateway-1")] * 2 + [("child_not_started", None, "gateway-1")] + [
        ("child_ended", 3, "gateway-1")
    ]


async def test_a_part_is_our_own_program_with_its_environment_alone(tmp_path: Path) -> None:
    """What lies around in the working directory is not taken for a part of it."""
    (tmp_path / "finalex.py").write_text("raise SystemExit(99)")
    part = Part("gateway", {"HOME": str(tmp_path), "FINALEX_PORT": "no port"})
    monkey = pytest.MonkeyPatch()
    monkey.chdir(tmp_path)
    await part.start()
    monkey.undo()
    assert await part.ended() == 2
    await part.stop()


async def test_a_part_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "hanging"
    program.write_text("#!/bin/sh\ntrap '' TERM\ntouch started\nwhile :; do sleep 0.05; done\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(supervision, "STOP_TIMEOUT_S", 0.1)
    monkeypatch.chdir(tmp_path)
    part = Part("engine", {"PATH": "/usr/bin:/bin"})
    await part.start()
    async with asyncio.timeout(WAIT_S):
        while not (tmp_path / "started").exists():  # noqa: ASYNC110 (another process makes it)
            await asyncio.sleep(0.01)
    await part.stop()
    assert await part.ended() == -signal.SIGKILL


async def test_a_child_is_ready_once_it_says_so() -> None:
    ready: list[bool] = []
    back_door = BackDoor(Metrics(), lambda: bool(ready))
    port = await back_door.start("127.0.0.1", 0)
    waiting = asyncio.ensure_future(until_ready("127.0.0.1", port))
    await asyncio.wait({waiting}, timeout=0.3)
    assert not waiting.done()
    ready.append(True)
    async with asyncio.timeout(WAIT_S):
        await waiting
    back_door.stop()
