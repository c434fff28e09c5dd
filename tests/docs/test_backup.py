"""A backup taken of a running server as "Operations" says holds everything."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from docs.pages import ROOT
from finalex.cli import run_command
from support.server import Server, serving
from terminal.program import run

FILES = ("snapshots", "jwt-secret", "api-key-pepper")
DATABASES = ("events.sqlite", "keys.sqlite", "revocations.sqlite")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def back_up(server: Server, backup: Path) -> None:
    """Do what the page says: snapshots and secrets as files, then the databases as SQLite copies them."""
    for name in FILES:
        source = server.data_dir / name
        if source.is_dir():
            shutil.copytree(source, backup / name)
        else:
            shutil.copy(source, backup)
    for name in DATABASES:
        with (
            closing(sqlite3.connect(server.data_dir / name)) as source_database,
            closing(sqlite3.connect(backup / name)) as copy,
        ):
            source_database.backup(copy)


async def command(server: Server, *arguments: str) -> str:
    """Run a command on the server's data, and return what it prints."""
    result = await run(*arguments, "--data-dir", str(server.data_dir))
    assert result.code == 0, result.err
    return result.out.strip()


async def test_a_server_goes_on_from_a_backup(tmp_path: Path) -> None:
    order = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "0.01", "price": "1000.00"}
    async with serving(source="exchange") as server, server.client("alice") as client:
        token, revoked = server.token("alice"), server.token("mallory")
        key = await command(server, "api-key", "create", "--user", "bob")
        await command(server, "token", "revoke", "--user", "mallory")
        placed = await client.request("place_order", **order)
        back_up(server, tmp_path)
        await client.request("cancel_all_orders")
    assert run_command(["log", "verify", "--data-dir", str(tmp_path)]) == 0
    async with serving(source="exchange", data_dir=str(tmp_path)) as restored, restored.client() as client:
        refused = await client.request("auth", token=revoked)
        assert (refused["type"], refused["data"]["code"]) == ("error", "INVALID_TOKEN")
        async with restored.client() as bob:
            assert (await bob.request("auth", api_key=key))["type"] == "authenticated"
        assert (await client.request("auth", token=token))["type"] == "authenticated"
        await client.request("subscribe", channel="orders")
        assert (await client.next_of("order_update"))["data"]["order_id"] == placed["data"]["order_id"]


def test_the_page_names_what_is_copied() -> None:
    backups = OPERATIONS.split("## Backups")[1].split("\n## ")[0]
    for name in (*DATABASES, *FILES):
        assert f"/var/lib/finalex/{name}" in backups
