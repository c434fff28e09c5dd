"""A revoked API key ends the connections that logged in with it, and no others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from finalex.credentials.key_records import KeyRecord
from finalex.session.auth import Revocation
from support.conversation import token
from support.served import Served, serve
from support.sockets import RawWebSocket


class Keys:
    """A key directory in which the id of a key is what comes before its point."""

    def lookup(self, api_key: str, now_ms: int) -> KeyRecord:
        key_id, _, _ = api_key.partition(".")
        scopes = frozenset({"read", "trade"})
        return KeyRecord(
            id=key_id, user="alice", scopes=scopes, label="", created_ms=0, expires_ms=None, revoked_ms=None
        )


@asynccontextmanager
async def guest(served: Served, path: str) -> AsyncIterator[RawWebSocket]:
    """Connect and read the greeting."""
    async with await served.connect(path) as client:
        assert (await client.message())["type"] == "connection_status"
        yield client


async def assert_revoked(client: RawWebSocket) -> None:
    error = (await client.message())["data"]
    assert (error["code"], error["details"]) == ("INVALID_TOKEN", "the API key was revoked")
    assert await client.close_code() == 3000


async def assert_alive(client: RawWebSocket) -> None:
    client.request("ping")
    assert (await client.message())["type"] == "pong"


async def test_only_the_connections_of_the_key_are_closed_and_told_why() -> None:
    async with (
        serve(keys=Keys()) as served,
        guest(served, "/?api_key=one.1") as first,
        guest(served, "/?api_key=one.2") as second,
        guest(served, "/?api_key=two.1") as other,
        guest(served, f"/?token={token('alice')}") as with_token,
        guest(served, "/") as nobody,
    ):
        assert served.gateway.close_revoked(Revocation(key_id="one")) == 2
        await assert_revoked(first)
        await assert_revoked(second)
        for client in (other, with_token, nobody):
            await assert_alive(client)


async def test_a_connection_is_closed_once() -> None:
    async with serve(keys=Keys()) as served, guest(served, "/?api_key=one.1") as client:
        assert served.gateway.close_revoked(Revocation(key_id="one")) == 1
        assert served.gateway.close_revoked(Revocation(key_id="one")) == 0
        await assert_revoked(client)


async def test_a_key_that_opened_nothing_closes_nothing() -> None:
    async with serve(keys=Keys()) as served, guest(served, "/") as client:
        assert served.gateway.close_revoked(Revocation(key_id="one")) == 0
        assert served.gateway.close_revoked(Revocation(key_id="")) == 0
        await assert_alive(client)


async def test_a_connection_that_went_on_to_other_credentials_belongs_to_those() -> None:
    async with serve(keys=Keys()) as served, guest(served, "/?api_key=one.1") as client:
        client.request("auth", api_key="two.1")
        assert (await client.message())["type"] == "authenticated"
        assert served.gateway.close_revoked(Revocation(key_id="one")) == 0
        assert served.gateway.close_revoked(Revocation(key_id="two")) == 1
        await assert_revoked(client)
