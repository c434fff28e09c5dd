"""On a whole server: nobody reads or touches what is another's with any credential, and `read` cannot trade."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect

from finalex.clock import now_ms
from finalex.credentials.grants import Grant
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from support.server import WAIT_S, Client, Server, serving

ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "limit", "quantity": "0.01", "price": "30000.00"}
PRIVATE_CHANNELS = ("account", "orders", "user_trades")
TRADING: dict[str, dict[str, Any]] = {
    "place_order": ORDER,
    "cancel_order": {"order_id": "00000000-0000-4000-8000-000000000000"},
    "cancel_all_orders": {},
    "cancel_on_disconnect": {"enabled": True},
}


@asynccontextmanager
async def visiting(server: Server, query: str) -> AsyncIterator[Client]:
    """Connect with credentials in the address; the greeting is read."""
    async with connect(server.url + query, max_size=None) as connection:
        client = Client(connection)
        await client.receive()
        yield client


def api_key(server: Server, user: str, scopes: str) -> str:
    store = KeyStore(server.data_dir / KEYS_FILE_NAME)
    key, _ = store.create(Grant(user=user, scopes=frozenset(scopes.split()), ttl_ms=None), "", now_ms())
    store.close()
    return key


def credentials_of(server: Server, user: str, scopes: str = "read trade") -> dict[str, str]:
    """Return every kind of credentials that `user` can have, as queries."""
    return {
        "token": f"/?token={server.token(user, scopes)}",
        "key": f"/?api_key={api_key(server, user, scopes)}",
    }


def texts(client: Client) -> str:
    return json.dumps(client.seen)


async def alices_order(alice: Client) -> tuple[str, list[str]]:
    """Let alice place an order; return its id, and the ids of all messages of her channels."""
    for channel in PRIVATE_CHANNELS:
        await alice.request("subscribe", channel=channel)
    placed = await alice.request("place_order", client_order_id="alices-own", **ORDER)
    await alice.until(lambda seen: any(message["type"] == "order_update" for message in seen))
    return placed["data"]["order_id"], [message["id"] for message in alice.seen if message.get("channel")]


@pytest.mark.parametrize("means", ["token", "key"])
async def test_a_stranger_sees_nothing_of_an_account_and_can_do_nothing_to_it(means: str) -> None:
    async with serving(source="exchange") as server, server.client("alice") as alice:
        order_id, message_ids = await alices_order(alice)
        async with visiting(server, credentials_of(server, "mallory")[means]) as mallory:
            for channel in PRIVATE_CHANNELS:
                for extra in ({}, {"symbol": "BTC/USDT"}, {"user": "alice"}, {"account": "alice"}):
                    await mallory.request("subscribe", channel=channel, **extra)
            for message_id in message_ids:
                for channel in ("orders", "user_trades"):
                    await mallory.request("subscribe", channel=channel, after=message_id)
            for name in ({"order_id": order_id}, {"client_order_id": "alices-own"}):
                refused = await mallory.request("cancel_order", **name)
                assert refused["data"]["code"] == "NOT_FOUND"
            await mallory.request("cancel_all_orders")
            own = await mallory.request("place_order", client_order_id="alices-own", **ORDER)

            assert own["data"]["order_id"] != order_id
            others = [message for message in mallory.seen if message.get("channel")]
            assert others
            assert order_id not in json.dumps(others)
            assert 'alice"' not in texts(mallory)
        listed = await alice.request("subscribe", channel="orders")
        assert listed["type"] == "subscribed"
        update = await alice.next(lambda message: message["type"] == "order_update")
        assert (update["data"]["order_id"], update["data"]["status"]) == (order_id, "new")


async def test_the_place_that_a_stranger_resumes_from_tells_nothing_of_whose_it_was() -> None:
    async with serving(source="exchange") as server, server.client("alice") as alice:
        _, message_ids = await alices_order(alice)
        invented = message_ids[-1][:-1] + ("0" if message_ids[-1][-1] != "0" else "1")
        async with server.client("mallory") as mallory:
            seen = []
            for message_id in (message_ids[-1], invented):
                reply = await mallory.request("subscribe", channel="orders", after=message_id)
                seen.append({**reply, "id": "", "timestamp": 0})
            assert not any(message.get("channel") for message in mallory.seen)
            assert seen[0]["data"].get("resumed") in (None, False, seen[1]["data"].get("resumed"))


@pytest.mark.parametrize("means", ["token", "key"])
@pytest.mark.parametrize("method", TRADING)
async def test_read_cannot_trade(means: str, method: str) -> None:
    async with serving(source="exchange") as server:
        async with visiting(server, credentials_of(server, "alice", "read")[means]) as alice:
            assert (await alice.request("subscribe", channel="orders"))["type"] == "subscribed"
            refused = await alice.request(method, **TRADING[method])
        assert refused["type"] == "error"
        assert refused["data"]["code"] == "AUTHENTICATION_REQUIRED"


@pytest.mark.parametrize("channel", PRIVATE_CHANNELS)
async def test_trade_alone_cannot_read(channel: str) -> None:
    async with serving(source="exchange") as server:
        async with visiting(server, credentials_of(server, "alice", "trade")["token"]) as alice:
            refused = await alice.request("subscribe", channel=channel)
        assert refused["data"]["code"] == "AUTHENTICATION_REQUIRED"


async def test_a_connection_cannot_become_somebody_elses_nor_more_than_its_credentials_allow() -> None:
    async with serving(source="exchange") as server, server.client("alice") as alice:
        taken = await alice.request("auth", token=server.token("mallory"))
        assert taken["data"]["code"] == "INVALID_TOKEN"

        narrowed = await alice.request("auth", token=server.token("alice", "read"))
        assert narrowed["data"]["scopes"] == ["read"]
        refused = await alice.request("place_order", **ORDER)
        assert refused["data"]["code"] == "AUTHENTICATION_REQUIRED"


async def test_a_key_for_other_addresses_is_refused_on_the_way_in_and_in_band() -> None:
    async with serving(source="exchange") as server:
        store = KeyStore(server.data_dir / KEYS_FILE_NAME)
        grant = Grant(user="alice", scopes=frozenset({"read"}), ttl_ms=None)
        far, _ = store.create(grant, "", now_ms(), addresses=("192.0.2.0/24",))
        near, _ = store.create(grant, "", now_ms(), addresses=("127.0.0.0/8",))
        store.close()
        async with connect(f"{server.url}/?api_key={far}") as refused:
            error = json.loads(await asyncio.wait_for(refused.recv(), WAIT_S))
            assert error["data"]["details"] == "the API key may not be used from this address"
            await refused.wait_closed()
            assert refused.close_code == 3000
        async with server.client() as client:
            assert (await client.request("auth", api_key=far))["data"]["code"] == "INVALID_TOKEN"
            assert (await client.request("auth", api_key=near))["type"] == "authenticated"
