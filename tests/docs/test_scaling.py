"""The configurations of NATS on the page about scale: servers take them, and a log works through a leaf node."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from docs.pages import ROOT
from docs.ports import free_port
from finalex.bus.address import BusAddress
from finalex.bus.connection import BusError, connect
from finalex.bus.names import Names
from finalex.bus.server import dying_with_parent, find_server
from finalex.log.jetstream.envelope import Envelope, Stored, encode
from finalex.log.jetstream.stream import LogStream
from finalex.log.jetstream.tail import LogTail
from finalex.log.records import Entry, encode_batch, pack
from support.nats_servers import skip_without_nats

WAIT_S = 30.0
PASSWORD = "of-this-test-alone"
CORE, LEAF = re.findall(r"^```\n(server_name: .*?)^```$", (ROOT / "docs" / "scaling.md").read_text(), re.M | re.S)


@pytest.fixture(autouse=True)
def _with_nats() -> None:
    skip_without_nats()


def environment(*ports: int) -> dict[str, str]:
    urls = {f"CORE_{n}": f"nats-leaf://leaf:{PASSWORD}@127.0.0.1:{port}" for n, port in enumerate(ports, 1)}
    return {**os.environ, **urls, "LEAF_PASSWORD": PASSWORD}


@pytest.mark.parametrize("text", [CORE, LEAF], ids=["core", "leaf"])
def test_nats_takes_the_configuration(text: str, tmp_path: Path) -> None:
    path = tmp_path / "nats.conf"
    path.write_text(text)
    checked = subprocess.run(
        [find_server(), "-t", "-c", str(path)], env=environment(1, 2, 3), capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_what_stores_the_log_syncs_every_message() -> None:
    assert "sync_interval: always" in CORE
    assert "jetstream" not in LEAF


@contextmanager
def server(text: str, path: Path, leaf_ports: tuple[int, int, int]) -> Iterator[None]:
    path.write_text(text)
    with (path.with_suffix(".log")).open("wb") as log:
        process = subprocess.Popen(
            [find_server(), "-c", str(path)],
            env=environment(*leaf_ports),
            stdout=log,
            stderr=log,
            preexec_fn=dying_with_parent(),
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_log_is_written_and_followed_through_a_leaf_node(tmp_path: Path) -> None:
    core_port, leaf_port, leaves_port, away = free_port(), free_port(), free_port(), free_port()
    alone = re.sub(r"^cluster \{.*?^\}\n", "", CORE, flags=re.M | re.S)
    core = alone.replace("0.0.0.0:4222", f"127.0.0.1:{core_port}").replace("0.0.0.0:7422", f"127.0.0.1:{leaves_port}")
    core = core.replace("/var/lib/nats", str(tmp_path / "store"))
    leaf = LEAF.replace("0.0.0.0:4222", f"127.0.0.1:{leaf_port}")
    ports = (leaves_port, away, away)
    with server(core, tmp_path / "core.conf", ports), server(leaf, tmp_path / "leaf.conf", ports):
        client = await connect(BusAddress(servers=(f"nats://127.0.0.1:{leaf_port}",)), "far away", forever=True)
        try:
            told = await told_through(LogStream(client, Names("far")))
            await keep_through(client)
        finally:
            await client.close()
    assert [stored.sequence for stored in told] == [1, 2, 3]
    assert {stored.writer for stored in told} == {"writer"}


async def told_through(stream: LogStream) -> list[Stored]:
    """Write three messages, the last two while somebody follows, and return what that one was told."""
    told: list[Stored] = []
    enough = asyncio.Event()

    def follow(stored: Stored) -> None:
        told.append(stored)
        if len(told) == 3:
            enough.set()

    async with asyncio.timeout(WAIT_S):
        while True:  # until the leaf node has reached the others
            try:
                await stream.prepare(1, 1 << 20)
            except (OSError, BusError):
                await asyncio.sleep(0.1)
            else:
                break
        await stream.append(message(1), 0)
        following = asyncio.create_task(LogTail(stream, 0, 0, follow).run())
        await stream.append(message(2), 1)
        await stream.append(message(3), 2)
        await enough.wait()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return told


async def keep_through(client: Client) -> None:
    """Keep a value in a bucket, as gateways do with API keys."""
    bucket = await client.jetstream().create_key_value(bucket="far")
    await bucket.put("key", b"value")
    assert (await bucket.get("key")).value == b"value"


def message(sequence: int) -> bytes:
    record = pack([Entry(sequence, sequence, encode_batch(1, ()))], sequence - 1)
    return encode(Envelope("writer", leaving=False, position=0, record=record))
