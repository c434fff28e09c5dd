"""What goes wrong by itself, with the whole server, and that a seed repeats it."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chaos.asking import SYMBOL, ask, calmed, faults, how_it_ends, sandbox
from finalex.chaos.profiles import KEYS, PROFILES
from finalex.config import load_config
from finalex.welcome import welcome
from support.server import Client, Server

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
MESSAGES = 400
LIVES = 8


async def test_a_restart_ends_all_but_the_calm_and_refuses_newcomers() -> None:
    async with (
        sandbox("calm:restart_every_ms=400,down_ms=60000") as server,
        calmed(server.url) as calm,
        server.client("alice") as alice,
        server.client() as nobody,
    ):
        assert [await how_it_ends(client) for client in (alice, nobody)] == [1012, 1012]
        assert alice.seen[-1]["data"]["status"] == "closing"
        assert alice.seen[-1]["data"]["reconnect_after_ms"] >= 60_000
        with pytest.raises(InvalidStatus, match="503"):
            async with server.client():
                pass
        assert (await Client(calm).request("ping"))["type"] == "pong"
        assert await faults(server) == {"restart": 1, "refusal": 1}


async def test_the_server_is_back_after_a_restart() -> None:
    async with sandbox("calm:restart_every_ms=400,down_ms=1") as server:
        async with server.client() as client:
            assert await how_it_ends(client) == 1012
        connected = False
        while not connected:
            with suppress(InvalidStatus):
                async with server.client() as client:
                    connected = (await client.request("ping"))["type"] == "pong"
        assert (await faults(server))["restart"] >= 1


async def live(server: Server) -> Sequence[int]:
    """Return after how many messages each of a few connections broke."""
    counts = []
    for _ in range(LIVES):
        seen = []
        with suppress(ConnectionClosed):
            async with server.client() as client:
                seen = client.seen
                for _ in range(MESSAGES):
                    await client.request("ping")
        counts.append(len(seen))
    return counts


async def test_the_same_seed_breaks_the_same_connections_at_the_same_messages() -> None:
    found = []
    for seed in (5, 5, 6):
        async with sandbox("calm:cut=1,messages=20", chaos_seed=str(seed)) as server:
            found.append(await live(server))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert len(set(found[0])) > 2


async def test_every_fault_is_logged_with_its_connection() -> None:
    with capture_logs() as logs:
        async with sandbox("gaps", chaos_seed="9") as server, server.client() as client:
            await ask(client, "mute")
    said = [log for log in logs if log["event"].startswith("chaos")]
    assert [log["event"] for log in said] == ["chaos_is_on", "chaos_fault"]
    assert (said[0]["seed"], said[0]["book_gap"], said[0]["messages"]) == (9, 1, 100)
    assert (said[1]["fault"], said[1]["connection"]) == ("mute", 0)


async def test_private_messages_are_delayed_and_never_reordered() -> None:
    async with sandbox("calm:latency_ms=1,jitter_ms=20") as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="orders")
        for number in range(20):
            order = {
                "symbol": SYMBOL,
                "side": "buy",
                "type": "limit",
                "quantity": "0.001",
                "price": f"4400{number % 10}",
            }
            await alice.send({"id": f"order-{number}", "method": "place_order", "params": order})
        await alice.until(lambda seen: sum(m["type"] == "order_update" for m in seen) == 20)
        await alice.until(lambda seen: sum(m["type"] == "order_accepted" for m in seen) == 20)
    replies = [message["id"] for message in alice.seen if message["type"] == "order_accepted"]
    assert replies == [f"order-{number}" for number in range(20)]
    sequences = [message["data"]["sequence"] for message in alice.seen if message["type"] == "order_update"]
    assert sequences == sorted(sequences)


def test_the_start_says_so(tmp_path: Path) -> None:
    given: dict[str, str | bool] = {"data_dir": str(tmp_path)}
    assert "CHAOS" not in welcome(load_config(given, {}), "localhost:1")
    said = welcome(load_config({**given, "chaos": "flaky:reset=1", "chaos_seed": "4"}, {}), "localhost:1")
    assert "CHAOS      flaky:reset=1, seed 4: faults are injected on purpose" in said


def test_the_page_names_every_profile_and_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [name for name in (*PROFILES, *KEYS) if f"`{name}`" not in page]
    assert missing == []


def test_the_recipe_on_the_page_works(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    test = "\n\ndef test_it(sandbox):\n    assert sandbox.startswith('ws://localhost:')\n"
    (tmp_path / "test_recipe.py").write_text(recipe + test, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [sys.executable, "-m", "pytest", "-q", "-k", "gaps", "-p", "no:cacheprovider", "test_recipe.py"]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
