"""The server is killed again and again under load: nothing it acknowledged is lost, doubled, or half done."""

import asyncio
import os
from pathlib import Path
from random import Random

from durability.ledger import read_ledger
from durability.server import running
from durability.trader import Trader
from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.secret import stored_secret
from finalex.credentials.tokens import sign_token

KILLS = int(os.environ.get("FINALEX_TEST_KILLS", "25"))
SEED = int(os.environ.get("FINALEX_TEST_SEED", "1"))
USERS = ("ann", "bob", "cid")
CHECKED = 25
"""So many of the first deaths are looked into at once, then one in so many; all of it at the end."""

LOAD_S_MAX = 0.8
"""A server lives under load for up to so long before it is killed."""

FLAGS = (
    "--messages-per-minute-max=1000000",
    "--connections-per-ip=1000",
    "--open-orders-max=1000000",
    "--orders-per-second-max=0",
    "--snapshot-interval-ms=100",
    "--log-level=warning",
)


def make_traders(data_dir: Path, rng: Random) -> list[Trader]:
    """Return the traders, with tokens that the server on `data_dir` accepts."""
    secret = stored_secret(data_dir)
    scopes = frozenset({"read", "trade"})
    grants = [Grant(user=user, scopes=scopes, ttl_ms=86_400_000) for user in USERS]
    return [Trader(grant.user, sign_token(secret, grant, now_ms()), Random(rng.random())) for grant in grants]


async def trade_until_killed(data_dir: Path, traders: list[Trader], rng: Random) -> None:
    """Run a server under the load of all traders and kill it at a random moment."""
    stopping = asyncio.Event()
    async with running(data_dir, *FLAGS) as server, asyncio.TaskGroup() as group:
        for trader in traders:
            group.create_task(trader.run(server.url, stopping))
        await asyncio.sleep(rng.uniform(0, LOAD_S_MAX))  # the moment of death is what is drawn here
        await server.kill()
        stopping.set()


async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    data_dir, copy = tmp_path / "data", tmp_path / "copy"
    data_dir.mkdir(mode=0o700)
    rng = Random(SEED)
    traders = make_traders(data_dir, rng)
    for turn in range(KILLS):
        await trade_until_killed(data_dir, traders, rng)
        if turn < CHECKED or turn % CHECKED == 0:  # in a long run reading all of a long log each time takes longest
            read_ledger(data_dir, copy).check()
    async with running(data_dir, *FLAGS) as server:
        for _ in range(2):  # what one asks again may trade, and the others must see it
            await asyncio.gather(*(trader.catch_up(server.url) for trader in traders))
        assert await server.stop() == 0
    ledger = read_ledger(data_dir, copy)
    ledger.check()
    for trader in traders:
        assert all(trader.resumed), "a resume was refused"
        ledger.check_trader(trader)
