"""The operator's hand on a whole server: accounts, keys and status through the socket in its data directory."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from finalex.admin.client import ask
from finalex.admin.errors import AdminError, NoServerError
from finalex.admin.messages import (
    AccountReply,
    BookedReply,
    CreditAccount,
    DebitAccount,
    ReplyT,
    Request,
    ShowAccount,
    ShowStatus,
    StatusReply,
)
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from support.recordings import recording
from support.server import WAIT_S, Client, serving

PROGRAM = Path(sys.executable).with_name("finalex")
CREDIT = CreditAccount(user="alice", currency="BTC", amount="1.5", reference="gift")
DEBIT = DebitAccount(user="alice", currency="BTC", amount="0.25", reference="fee")


async def asked(data_dir: Path, request: Request, expected: type[ReplyT]) -> ReplyT:
    return await asyncio.to_thread(ask, data_dir / SOCKET_FILE_NAME, request, expected, WAIT_S)


async def run(data_dir: Path, *arguments: str) -> tuple[int | None, str, str]:
    """Run `finalex` as its user does."""
    place = ("--data-dir", str(data_dir))
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, *place, stdout=-1, stderr=-1)
    out, err = await asyncio.wait_for(process.communicate(), 2 * WAIT_S)
    return process.returncode, out.decode(), err.decode()


def balance(client: Client, currency: str = "BTC") -> str:
    """Return the total that the newest account message shows."""
    newest = next(message for message in reversed(client.seen) if message["type"] == "account_update")
    totals = {item["currency"]: item["total"] for item in newest["data"]["balances"]}
    return str(totals[currency])


async def test_a_change_of_the_operator_reaches_the_client_as_any_other(tmp_path: Path) -> None:
    settings = {"source": "exchange", "demo_balances": "false", "data_dir": str(tmp_path)}
    async with serving(**settings) as server, server.client("alice") as alice:
        await alice.request("subscribe", channel="account")
        await alice.next_of("account_update")
        reply = await asked(tmp_path, CREDIT, BookedReply)
        await alice.next_of("account_update")
        assert balance(alice) == reply.balance.total == "1.50000000"
        reply = await asked(tmp_path, DEBIT, BookedReply)
        await alice.next_of("account_update")
        assert balance(alice) == reply.balance.total == "1.25000000"


async def test_an_account_is_shown_with_the_orders_that_lock_it(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, server.client("alice") as alice:
        order = {"symbol": "BTC/USDT", "side": "sell", "type": "limit", "quantity": "0.5", "price": "900000"}
        await alice.request("place_order", **order)
        reply = await asked(tmp_path, ShowAccount(user="alice"), AccountReply)
        assert reply.open_orders == 1
        [held] = [held for held in reply.balances if held.currency == "BTC"]
        assert (held.available, held.locked, held.total) == ("1.50000000", "0.50000000", "2.00000000")


async def test_a_change_and_its_reference_outlive_the_server(tmp_path: Path) -> None:
    settings = {"source": "exchange", "demo_balances": "false", "data_dir": str(tmp_path)}
    for number in range(3):
        async with serving(**settings):
            reply = await asked(tmp_path, CREDIT, BookedReply)
            assert (reply.earlier, reply.balance.total) == (number > 0, "1.50000000")


async def test_a_change_outlives_a_kill_and_the_socket_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    arguments = ["serve", "--port", "0", "--source", "exchange", "--demo-balances=false", "--data-dir", str(tmp_path)]
    for earlier in (False, True):
        process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdout=-1, stderr=-1)
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), WAIT_S)
        reply = await asked(tmp_path, CREDIT, BookedReply)
        process.kill()
        await process.communicate()
        assert reply.earlier is earlier
        assert SOCKET_FILE_NAME in os.listdir(tmp_path)
        with pytest.raises(NoServerError):
            await asked(tmp_path, ShowStatus(), StatusReply)


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)):
        code, out, err = await run(tmp_path, "serve", "--port", "0", "--source", "exchange")
        assert (code, out) == (1, "")
        assert err.startswith("finalex: ")
        assert str(tmp_path) in err
        assert (await asked(tmp_path, ShowStatus(), StatusReply)).process == os.getpid()


async def test_servers_that_play_recordings_have_no_accounts_and_share_a_directory(tmp_path: Path) -> None:
    path = recording("l2/binance_usdm_btcusdt_20240718.gz")
    settings = {"source": f"replay:{path}", "data_dir": str(tmp_path)}
    async with serving(**settings), serving(**settings):
        with pytest.raises(AdminError, match="No server runs"):
            await asked(tmp_path, CREDIT, BookedReply)


async def test_a_revoked_key_ends_its_connection_at_once(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server:
        keys = KeyStore(tmp_path / KEYS_FILE_NAME)
        key, record = keys.create(Grant(user="bob", scopes=frozenset({"read"}), ttl_ms=None), "", now_ms())
        keys.close()
        async with connect(f"{server.url}/?api_key={key}") as connection, server.client("bob") as other:
            client = Client(connection)
            assert (await client.receive())["data"]["authenticated"] is True
            code, out, _ = await run(tmp_path, "api-key", "revoke", record.id)
            assert (code, out.splitlines()[1]) == (0, "The running server closed 1 connection that it had opened.")
            assert (await client.receive())["data"]["code"] == "INVALID_TOKEN"
            with pytest.raises(ConnectionClosed):
                await client.receive()
            assert connection.close_code == 3000
            assert (await other.request("ping"))["type"] == "pong"


async def test_the_status_is_that_of_the_server(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server, server.client():
        status = await asked(tmp_path, ShowStatus(), StatusReply)
        assert (status.source, status.connections, status.problem) == ("exchange", 1, None)
        assert status.sequence > 0
        assert status.time_ms <= now_ms()
    with pytest.raises(NoServerError):
        await asked(tmp_path, ShowStatus(), StatusReply)
