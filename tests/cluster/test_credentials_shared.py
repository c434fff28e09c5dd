"""What nodes must share, and revoked tokens: known to all nodes of an exchange, with real NATS."""

import asyncio
from contextlib import closing

import pytest

from cluster.credential_nodes import DAY_MS, GRANT, NOW_MS, WAIT_S, Exchange, exchange, until
from finalex.cluster.credentials_bucket import CredentialsError
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.credentials.pepper import PEPPER_FILE_NAME
from finalex.credentials.revocations import RevokedTokens
from finalex.credentials.secret import Secret
from finalex.session.auth import Revocation
from support.nats_servers import one_nats

__all__ = ["exchange", "one_nats"]


# --- what all must share ----------------------------------------------------------------------------------------


async def test_a_node_without_the_pepper_says_where_to_get_it(exchange: Exchange) -> None:
    await exchange.keys.create(GRANT, "", NOW_MS)
    with pytest.raises(CredentialsError, match=r"pepper that 'operator' brought.* copy the file 'api-key-pepper'"):
        await exchange.joined("a")


async def test_a_node_with_another_pepper_says_so_and_keeps_its_keys(exchange: Exchange) -> None:
    await exchange.keys.create(GRANT, "", NOW_MS)
    (exchange.directory / "a").mkdir()
    with closing(KeyStore(exchange.directory / "a" / KEYS_FILE_NAME)) as store:
        key, _ = store.create(GRANT, "its own", NOW_MS)
    a = exchange.member("a")
    with pytest.raises(CredentialsError, match="pepper that 'operator' brought"):
        await a.mirror.join(replicas=1)
    assert a.knows(key)


async def test_an_exchange_without_keys_needs_no_pepper(exchange: Exchange) -> None:
    a = await exchange.joined("a")
    assert not (a.directory / PEPPER_FILE_NAME).exists()


async def test_a_node_with_another_token_secret_says_so(exchange: Exchange) -> None:
    await exchange.joined("a")
    with pytest.raises(CredentialsError, match=r"signs tokens is not the one .* which 'a' brought: set the same"):
        await exchange.joined("b", Secret("another secret that is long enough"))
    await exchange.joined("c", secret=None)


# --- revoked tokens ---------------------------------------------------------------------------------------------


async def test_a_revoked_token_is_refused_everywhere_and_its_connections_end(exchange: Exchange) -> None:
    a, b = await exchange.joined("a"), await exchange.joined("b")
    entry = RevokedTokens(kind="token", name="some jti/*", revoked_ms=NOW_MS, expires_ms=NOW_MS + DAY_MS)
    await exchange.revocations.add(entry)

    await until(lambda: bool(a.closed and b.closed))
    assert (a.refuses("some jti/*"), b.refuses("some jti/*"), a.refuses("another")) == (True, True, False)
    assert a.closed == [Revocation(token_id="some jti/*")]
    assert await exchange.revocations.entries(NOW_MS) == [entry]


async def test_revoking_a_users_tokens_twice_covers_both_times(exchange: Exchange) -> None:
    a = await exchange.joined("a")
    for issued_until_ms in (NOW_MS, NOW_MS - DAY_MS):
        await exchange.revocations.add(
            RevokedTokens(
                kind="user",
                name="alice",
                revoked_ms=NOW_MS,
                expires_ms=NOW_MS + DAY_MS,
                issued_until_ms=issued_until_ms,
            )
        )
    await until(lambda: bool(a.closed))
    assert a.closed[0] == Revocation(user="alice", issued_until_ms=NOW_MS)
    (entry,) = await exchange.revocations.entries(NOW_MS)
    assert entry.issued_until_ms == NOW_MS


async def test_the_bucket_drops_a_revocation_when_its_tokens_have_expired(exchange: Exchange) -> None:
    await exchange.revocations.add(
        RevokedTokens(kind="token", name="short", revoked_ms=NOW_MS, expires_ms=NOW_MS + 900)
    )
    async with asyncio.timeout(WAIT_S):
        while (await exchange.bucket.read(0)).entries:  # noqa: ASYNC110 (the server's own clock takes it out)
            await asyncio.sleep(0.05)
    assert await exchange.revocations.entries(NOW_MS) == []
