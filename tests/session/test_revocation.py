"""Credentials that are revoked while a connection is open: whose it ends, when, and what it hears."""

from typing import Any

import jwt
import pytest

from finalex.session.auth import Identity, Revocation
from support.conversation import SECRET, START_MS, Conversation, House


def logged_in(house: House, **claims: Any) -> Conversation:
    told = {"sub": "alice", "scope": "read", "exp": START_MS // 1000 + 3600} | claims
    return house.connect(token=jwt.encode(told, SECRET, "HS256"))


def revoke(conversation: Conversation, **revocation: Any) -> list[dict[str, Any]]:
    before = len(conversation.seen)
    conversation.carry_out(conversation.session.revoke(Revocation(**revocation), conversation.house.now_ms))
    return conversation.seen[before:]


def test_a_connection_ends_with_its_token_and_is_told_why() -> None:
    conversation = logged_in(House(), jti="one")

    (error,) = revoke(conversation, token_id="one")

    assert (error["data"]["code"], error["data"]["details"]) == ("INVALID_TOKEN", "the token was revoked")
    assert conversation.closed == 3000
    assert revoke(conversation, token_id="one") == []


@pytest.mark.parametrize(
    "revocation",
    [
        {"token_id": "two"},
        {"token_id": ""},
        {"key_id": "one"},
        {"user": "bob", "issued_until_ms": 2**60},
        {"user": "alice", "issued_until_ms": START_MS - 1},
        {},
    ],
    ids=str,
)
def test_a_connection_outlives_the_revocation_of_other_credentials(revocation: dict[str, Any]) -> None:
    conversation = logged_in(House(), jti="one", iat=START_MS // 1000)

    assert revoke(conversation, **revocation) == []
    assert conversation.closed is None


def test_a_connection_without_credentials_has_none_to_lose() -> None:
    conversation = House().connect()

    assert revoke(conversation, user="alice", issued_until_ms=2**60) == revoke(conversation) == []
    assert conversation.closed is None


def test_a_users_tokens_end_up_to_the_time_of_their_issue_and_those_that_do_not_tell_it() -> None:
    house = House()
    old, unknown, new = (logged_in(house, **claims) for claims in ({"iat": 5}, {}, {"iat": 6}))

    for conversation in (old, unknown, new):
        revoke(conversation, user="alice", issued_until_ms=5_999)

    assert [conversation.closed for conversation in (old, unknown, new)] == [3000, 3000, None]


def test_a_revocation_of_tokens_leaves_api_keys_alone_and_the_other_way_round() -> None:
    key, token = (Identity("alice", frozenset(), None, key_id, token_id="one") for key_id in ("pk_live_1", None))

    assert not Revocation(user="alice", issued_until_ms=2**60).covers(key)
    assert not Revocation(token_id="one").covers(key)
    assert not Revocation(key_id="pk_live_1").covers(token)
    assert Revocation(key_id="pk_live_1").covers(key)
    assert Revocation(token_id="one").covers(token)


def test_what_is_revoked_later_ends_then_after_a_notice() -> None:
    house = House()
    conversation = logged_in(house, jti="one")
    ends_ms = START_MS + 90_000

    assert revoke(conversation, token_id="one", from_ms=ends_ms) == []
    house.advance(29_999)
    assert conversation.seen[-1]["data"]["status"] == "connected"
    house.advance(1)
    assert conversation.seen[-1]["data"]["status"] == "token_expiring"
    assert conversation.seen[-1]["data"]["expires_at"] == ends_ms
    house.advance(60_000)
    assert conversation.closed == 3000


def test_an_end_that_comes_sooner_is_not_put_off() -> None:
    identity = Identity("alice", frozenset(), 5)

    assert (identity.ending(9).expires_ms, identity.ending(3).expires_ms) == (5, 3)
    assert Identity("alice", frozenset(), None).ending(9).expires_ms == 9
