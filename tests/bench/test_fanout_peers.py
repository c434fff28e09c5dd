"""What the peers of the fan-out benchmark share, and how they are installed."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from bench.fanout.peers import install, peer_targets
from bench.fanout.peers.install import Part
from bench.fanout.peers.streams import Streams, frame
from websockets.asyncio.client import connect


def test_messages_have_the_length_asked_for_and_are_numbered_in_each_stream() -> None:
    made = list(Streams().tick(["3", "60", "7", "300", "3", "61"]))

    assert [(stream, len(message), json.loads(message)["id"]) for stream, message in made] == [
        (3, 60, "s3:1"),
        (7, 300, "s7:1"),
        (3, 61, "s3:2"),
    ]


@pytest.mark.parametrize(("size", "header"), [(125, b"\x81\x7d"), (126, b"\x81\x7e\x00\x7e")])
def test_a_frame_has_the_shortest_header_for_its_message(size: int, header: bytes) -> None:
    assert frame(b"x" * size) == header + b"x" * size


def test_what_cannot_be_installed_says_why_and_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "INSTALLED", tmp_path)
    part = Part("part", (), (sys.executable, "-c", "raise SystemExit('no such package')"))

    assert part.install() == "no such package"
    assert not part.is_installed


def test_what_is_installed_is_left_alone_until_its_pins_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "INSTALLED", tmp_path / "installed")
    pin = tmp_path / "pin.txt"
    pin.write_text("1")
    part = Part("part", (pin,), (sys.executable, "-c", "open('made', 'x')"))

    assert [part.install(), part.install(), part.is_installed] == [None, None, True]
    pin.write_text("2")
    assert not part.is_installed


@pytest.mark.parametrize("name", ["picows joined", "picows send", "websockets broadcast"])
async def test_a_peer_sends_each_client_the_messages_of_its_streams_in_order(name: str) -> None:
    target = next(target for target in peer_targets() if target.name == name)
    process = await asyncio.create_subprocess_exec(*target.command, stdout=asyncio.subprocess.PIPE, cwd=install.ROOT)
    assert process.stdout is not None
    try:
        ready, port = (await process.stdout.readline()).split()
        url = f"ws://127.0.0.1:{int(port)}/"
        async with connect(url) as first, connect(url) as second, connect(url) as trigger:
            for client, text in ((first, "s 1 2"), (second, "s 2")):
                await client.send(text)
                assert await client.recv() == "ok"
            await trigger.send("t 1 50 2 200")
            await trigger.send("t 2 51")
            got = [json.loads(await first.recv())["id"] for _ in range(3)]
            got += [json.loads(await second.recv())["id"] for _ in range(2)]
    finally:
        process.terminate()
        await process.wait()

    assert ready == b"READY"
    assert got == ["s1:1", "s2:1", "s2:2", "s2:1", "s2:2"]
