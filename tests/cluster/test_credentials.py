"""API keys of an exchange of several nodes: changed in one place, known to all, with real NATS."""

import asyncio
from contextlib import closing

from structlog.testing import capture_logs

from cluster.credential_nodes import DAY_MS, GRANT, NOW_MS, SECRET, Exchange, exchange, until
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.credentials.pepper import PEPPER_FILE_NAME
from finalex.credentials.revocations import REVOCATIONS_FILE_NAME, RevocationStore, RevokedTokens
from finalex.session.auth import Revocation
from support.nats_servers import one_nats

__all__ = ["exchange", "one_nats"]


# --- keys ---------------------------------------------------------------------------------------------------


async def test_a_key_that_the_operator_makes_logs_in_at_every_node(exchange: Exchange) -> None:
    key, record = await exchange.keys.create(GRANT, "desk", NOW_MS)
    exchange.hand_out_pepper("a", "b")
    a, b = await exchange.joined("a"), await exchange.joined("b")
    assert (a.knows(key), b.knows(key)) == (True, True)

    later, _ = await exchange.keys.create(GRANT, "later", NOW_MS + 1)
    await until(lambda: a.knows(later) and b.knows(later))
    assert [kept.label for kept in await exchange.keys.records()] == ["desk", "later"]
    assert not a.knows(record.id + "x" * 32)


async def test_a_revoked_key_is_refused_everywhere_and_its_connections_end(exchange: Exchange) -> None:
    key, record = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a", "b")
    a, b = await exchange.joined("a"), await exchange.joined("b")

    revoked = await exchange.keys.revoke(record.id, NOW_MS + 1)
    assert revoked is not None
    assert revoked.revoked_ms == NOW_MS + 1
    await until(lambda: bool(a.closed and b.closed))
    assert (a.knows(key), b.knows(key)) == (False, False)
    assert a.closed == b.closed == [Revocation(key_id=record.id)]


async def test_a_rotated_key_ends_everywhere_after_its_grace_and_the_new_one_works(exchange: Exchange) -> None:
    _, record = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a")
    a = await exchange.joined("a")

    rotated = await exchange.keys.rotate(record.id, DAY_MS, NOW_MS)
    assert rotated is not None
    key, _, old = rotated
    assert old.expires_ms == NOW_MS + DAY_MS
    await until(lambda: a.knows(key) and bool(a.closed))
    assert a.closed == [Revocation(key_id=record.id, from_ms=NOW_MS + DAY_MS)]


async def test_only_a_key_that_is_there_can_be_rotated_or_revoked(exchange: Exchange) -> None:
    _, record = await exchange.keys.create(GRANT, "", NOW_MS)
    for name in ("*", "pk_live_????????", ">", "", "pk_live_00000000"):
        assert await exchange.keys.revoke(name, NOW_MS) is None
        assert await exchange.keys.rotate(name, DAY_MS, NOW_MS) is None
    first = await exchange.keys.revoke(record.id, NOW_MS + 1)
    assert await exchange.keys.revoke(record.id, NOW_MS + 2) == first
    assert await exchange.keys.rotate(record.id, DAY_MS, NOW_MS + 2) is None


async def test_two_who_change_the_same_key_at_once_both_have_their_way(exchange: Exchange) -> None:
    _, record = await exchange.keys.create(GRANT, "", NOW_MS)
    await asyncio.gather(exchange.keys.rotate(record.id, DAY_MS, NOW_MS), exchange.keys.revoke(record.id, NOW_MS + 1))
    (kept,) = [kept for kept in await exchange.keys.records() if kept.id == record.id]
    assert kept.revoked_ms == NOW_MS + 1


async def test_neither_a_key_nor_the_pepper_is_on_nats(exchange: Exchange) -> None:
    key, _ = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a")
    await exchange.joined("a")
    js = exchange.client.jetstream()
    stored = b""
    for sequence in range(1, (await js.stream_info(f"KV_{exchange.names.credentials}")).state.last_seq + 1):
        try:
            stored += (await js.get_msg(f"KV_{exchange.names.credentials}", sequence)).data or b""
        except Exception:
            continue
    pepper = (exchange.directory / "a" / PEPPER_FILE_NAME).read_text().strip()
    assert b"alice" in stored
    for secret in (key, key[16:], pepper, SECRET.reveal()):
        assert secret.encode() not in stored


# --- files ----------------------------------------------------------------------------------------------------


async def test_a_node_that_was_away_catches_up_with_what_it_missed(exchange: Exchange) -> None:
    key, record = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a")
    before = exchange.member("a")
    await before.mirror.join(replicas=1)
    assert before.knows(key)

    await exchange.keys.revoke(record.id, NOW_MS)
    added, _ = await exchange.keys.create(GRANT, "", NOW_MS)
    after = exchange.member("a")
    await after.mirror.join(replicas=1)
    assert (after.knows(key), after.knows(added)) == (False, True)


async def test_a_key_that_was_taken_out_of_the_bucket_is_forgotten(exchange: Exchange) -> None:
    key, record = await exchange.keys.create(GRANT, "", NOW_MS)
    kept, _ = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a", "b")
    a, b = await exchange.joined("a"), exchange.member("b")
    await b.mirror.join(replicas=1)

    bucket = await exchange.client.jetstream().key_value(exchange.names.credentials)
    await bucket.delete(f"key.{record.id}")
    await until(lambda: bool(a.closed))
    assert not a.knows(key)
    assert a.closed == [Revocation(key_id=record.id)]
    await exchange.member("b").mirror.join(replicas=1)
    assert (b.knows(key), b.knows(kept)) == (False, True)


async def test_what_cannot_be_understood_is_said_once_and_left_out(exchange: Exchange) -> None:
    await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a")
    a = await exchange.joined("a")
    bucket = await exchange.client.jetstream().key_value(exchange.names.credentials)
    with capture_logs() as logs:
        await bucket.put("key.pk_live_00000000", b'{"of": "another program"}')
        await bucket.put("revoked.token.x", b"\xff")
        await until(lambda: len(logs) >= 2)
        key, _ = await exchange.keys.create(GRANT, "", NOW_MS)
        await until(lambda: a.knows(key))
    assert sorted(entry["reason"].split("'")[1] for entry in logs) == ["key.pk_live_00000000", "revoked.token.x"]


async def test_nodes_with_one_data_directory_do_not_disturb_each_other(exchange: Exchange) -> None:
    first, _ = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("shared")
    members = [await exchange.joined(name, directory="shared") for name in "abc"]
    made = [await exchange.keys.create(GRANT, str(number), NOW_MS) for number in range(10)]
    await asyncio.gather(*(exchange.keys.revoke(record.id, NOW_MS) for _, record in made[:5]))

    await until(lambda: all(len(member.closed) == 5 for member in members))
    assert members[0].knows(first)
    assert [members[0].knows(key) for key, _ in made] == [False] * 5 + [True] * 5


async def test_what_was_changed_while_the_exchange_did_not_run_counts_when_it_does(exchange: Exchange) -> None:
    key, record = await exchange.keys.create(GRANT, "", NOW_MS)
    exchange.hand_out_pepper("a", "b")
    a, b = exchange.member("a"), await exchange.joined("b")
    await a.mirror.join(replicas=1)
    with closing(KeyStore(a.directory / KEYS_FILE_NAME)) as store:
        store.revoke(record.id, NOW_MS)
        made, _ = store.create(GRANT, "", NOW_MS)

    await exchange.member("a").mirror.join(replicas=1)
    await until(lambda: b.knows(made) and bool(b.closed))
    assert not b.knows(key)
    assert b.closed == [Revocation(key_id=record.id)]


async def test_the_keys_of_a_single_server_come_with_it_into_the_exchange(exchange: Exchange) -> None:
    (exchange.directory / "a").mkdir()
    with closing(KeyStore(exchange.directory / "a" / KEYS_FILE_NAME)) as store:
        key, record = store.create(GRANT, "old", NOW_MS)
        store.record_uses({record.id: NOW_MS + 5})
    with closing(RevocationStore(exchange.directory / "a" / REVOCATIONS_FILE_NAME)) as revocations:
        revocations.add(RevokedTokens(kind="token", name="old", revoked_ms=NOW_MS, expires_ms=NOW_MS + DAY_MS))
    a = await exchange.joined("a")
    exchange.hand_out_pepper("b", of="a")
    b = await exchange.joined("b")

    assert (a.knows(key), b.knows(key), b.refuses("old")) == (True, True, True)
    with closing(KeyStore(a.directory / KEYS_FILE_NAME)) as store:
        assert [kept.last_used_ms for kept in store.records()] == [NOW_MS + 5]
