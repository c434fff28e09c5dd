"""`finalex serve --workers 2` as its user has it: several processes, one exchange; none of them ends it by ending."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from finalex.cli import run_command
from finalex.client import Client, OutcomeUnknownError, RequestFailedError, connect
from finalex.clock import now_ms
from finalex.config import load_config
from finalex.credentials.grants import Grant
from support.workers import Exchange, command_line, exchange, failing, is_alive, wait_until

SYMBOL = "BTC/USDT"
CLIENTS_MAX = 60
"""So many clients certainly do not all come to one gateway."""
WAIT_S = 120.0
PLAIN = ("--source", "exchange", "--connections-per-ip", "1000")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with exchange(tmp_path_factory.mktemp("workers"), *PLAIN) as started:
        yield started


def token(running: Exchange, user: str) -> str:
    """Return a token that every gateway accepts."""
    config = load_config({"data_dir": str(running.directory / "data")}, {})
    return config.sign_token(Grant(user=user, scopes=frozenset({"read", "trade"}), ttl_ms=3_600_000), now_ms())


class Watcher:
    """A client that reads all trades of a market, whatever becomes of its gateway."""

    def __init__(self, client: Client) -> None:
        self.trades: list[int] = []
        self.subscription = client.trades(SYMBOL)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for trade in self.subscription:
            self.trades.append(int(trade.trade_id))

    async def until(self, trades: int) -> None:
        """Wait until it has read so many more."""
        wanted = len(self.trades) + trades
        async with asyncio.timeout(WAIT_S):
            while len(self.trades) < wanted and not self._reading.done():  # noqa: ASYNC110 (it is read elsewhere)
                await asyncio.sleep(0.02)


class Market:
    """Two traders, and watchers at both gateways."""

    def __init__(self, running: Exchange, seller: Client, buyer: Client, watchers: list[Watcher]) -> None:
        self.running = running
        self.watchers = watchers
        self._seller = seller
        self._buyer = buyer

    async def trade(self) -> None:
        """Trade once; what is refused meanwhile is asked again."""
        await self._place(self._seller, "sell")
        await self._place(self._buyer, "buy")

    async def _place(self, trader: Client, side: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await trader.place_order(SYMBOL, side, "limit", "0.001", "60000")
                except (RequestFailedError, OutcomeUnknownError):
                    await asyncio.sleep(0.1)
                else:
                    return

    async def check(self) -> None:
        """Trade, and find that all watchers have read the same trades and missed none."""
        reading = [asyncio.create_task(watcher.until(1)) for watcher in self.watchers]
        await self.trade()
        await asyncio.gather(*reading)
        for watcher in self.watchers:
            assert watcher.trades == list(range(watcher.trades[0], watcher.trades[-1] + 1))
            assert watcher.subscription.gaps == 0
        assert len({watcher.trades[-1] for watcher in self.watchers}) == 1


@asynccontextmanager
async def market(running: Exchange) -> AsyncIterator[Market]:
    """Let clients come until both gateways have some."""
    await asyncio.to_thread(running.wait_until_ready)
    async with AsyncExitStack() as stack:

        async def client(user: str) -> Client:
            return await stack.enter_async_context(connect(running.url, token=token(running, user)))

        seller, buyer = await client("seller"), await client("buyer")
        watchers: list[Watcher] = []
        while not (running.connections(1) and running.connections(2)) or len(watchers) < 2:
            watchers.append(Watcher(await client(f"watcher-{len(watchers)}")))
            assert len(watchers) < CLIENTS_MAX
        found = Market(running, seller, buyer, watchers)
        await found.trade()
        async with asyncio.timeout(WAIT_S):
            while not all(watcher.trades for watcher in watchers):  # noqa: ASYNC110 (they are read elsewhere)
                await asyncio.sleep(0.02)
        yield found


async def test_clients_of_both_gateways_see_the_same_trades(running: Exchange) -> None:
    async with market(running) as found:
        await found.check()


@pytest.mark.parametrize("name", ["gateway-1", "engine", "nats"])
async def test_what_is_killed_is_started_again_and_nobody_misses_a_trade(name: str, running: Exchange) -> None:
    async with market(running) as found:
        await asyncio.to_thread(running.kill, name)
        await found.check()


def test_no_secret_is_in_what_everybody_can_read_of_a_process(running: Exchange) -> None:
    secret = (running.directory / "data" / "jwt-secret").read_text().strip()
    configuration = (running.directory / "data" / "nats" / "nats-server.conf").read_text()
    password = configuration.partition('password: "')[2].partition('"')[0]
    shown = " ".join(command_line(pid) for pid in (running.pid, *running.children().values()))
    assert sorted(running.children()) == ["engine", "gateway-1", "gateway-2", "nats"]
    assert len(password) >= 32
    assert secret not in shown
    assert password not in shown


def test_it_is_backed_up_by_its_data_directory(
    running: Exchange, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = tmp_path / "backup"
    assert run_command(["cluster", "backup", str(backup), "--data-dir", str(running.directory / "data")]) == 0
    assert capsys.readouterr().out.startswith(f"backed up: {backup}, cluster main\n")
    assert run_command(["log", "verify", "--data-dir", str(backup)]) == 0


def test_the_log_says_who_wrote_a_line(running: Exchange) -> None:
    for name in ("engine", "gateway-1", "gateway-2"):
        assert f"node={name}\n" in running.said


def test_a_port_that_somebody_has_is_refused_at_once(running: Exchange, tmp_path: Path) -> None:
    """Even though it is shared: another exchange's clients are not for this one."""
    port = running.url.rpartition(":")[2]
    code, said = failing(tmp_path, port=port)
    assert (code, said) == (1, f"finalex: cannot listen on 127.0.0.1 port {port}: address already in use\n")


def test_what_a_gateway_cannot_do_is_said_once_and_ends_all(tmp_path: Path) -> None:
    """And before that, that what one process kept in the directory is something else."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "events.sqlite").write_bytes(b"")
    code, said = failing(
        tmp_path, *PLAIN, "--log-level", "error", "--tls-certificate-file", "a.pem", "--tls-key-file", "a.key"
    )
    warning, sentence, last = said.splitlines()
    assert code == 1
    assert "events.sqlite' is the log of 'finalex serve' without --workers" in warning
    assert "a.pem" in sentence
    assert last == "finalex: gateway-1 did not start: it ended with exit code 1."


async def test_a_stop_ends_all_in_order_and_a_start_goes_on_where_it_was(tmp_path: Path) -> None:
    with exchange(tmp_path, *PLAIN) as first:
        processes = first.children().values()
        async with connect(first.url, token=token(first, "alice")) as alice:
            kept = await alice.place_order(SYMBOL, "sell", "limit", "0.001", "60000")
            assert await asyncio.to_thread(first.stop) == 0
        assert [pid for pid in processes if is_alive(pid)] == []
        said = first.said
        ends = ["gateway_stopped", "engine_leads_no_more"]
        assert [said.index(end) for end in ends] == sorted(said.index(end) for end in ends)
        assert "child_ended" not in said

    with exchange(tmp_path, *PLAIN) as second:
        async with connect(second.url, token=token(second, "alice")) as alice:
            assert await alice.cancel_order(kept.order_id) == [kept.order_id]
        processes = second.children().values()
        os.kill(second.pid, signal.SIGKILL)
        second.ended()
        wait_until(lambda: not any(is_alive(pid) for pid in processes), "children outlived their parent")
