"""Users, scopes and times as operators write them."""

import pytest

from finalex.credentials.grants import Grant, GrantError, parse_grant


def test_a_grant_is_a_user_scopes_and_a_time() -> None:
    assert parse_grant("alice", "read, trade", "1h") == Grant(
        user="alice", scopes=frozenset({"read", "trade"}), ttl_ms=3_600_000
    )


@pytest.mark.parametrize("user", ["a", "a" * 64, "alice@example.com", "~!#$%&'()*+", "simon", "Fees"])
def test_printable_names_are_users(user: str) -> None:
    assert parse_grant(user, "read", None).user == user


@pytest.mark.parametrize("user", ["", "a" * 65, "a b", "a\n", "a\x7f", "zoë", "a\0"])
def test_other_texts_are_not(user: str) -> None:
    with pytest.raises(GrantError, match="must have 1 to 64 printable ASCII characters and no spaces"):
        parse_grant(user, "read", None)


@pytest.mark.parametrize("user", ["@fees", "sim-", "sim-maker-1"])
def test_accounts_of_the_exchange_itself_are_reserved(user: str) -> None:
    with pytest.raises(GrantError, match="is reserved"):
        parse_grant(user, "read", None)


@pytest.mark.parametrize("scope", ["", "write", "read trade", "read,", "READ"])
def test_other_scopes_than_read_and_trade_are_refused(scope: str) -> None:
    with pytest.raises(GrantError, match="must be some of read,trade"):
        parse_grant("alice", scope, None)


@pytest.mark.parametrize(
    ("ttl", "ttl_ms"), [("1s", 1000), ("90m", 5_400_000), ("7d", 604_800_000), ("3650d", 315_360_000_000)]
)
def test_times_are_a_number_and_a_unit(ttl: str, ttl_ms: int) -> None:
    assert parse_grant("alice", "read", ttl).ttl_ms == ttl_ms


@pytest.mark.parametrize("ttl", ["", "0s", "1", "h", "-1h", "1.5h", "1w", "3651d", "٣h", "9" * 100 + "d"])
def test_other_times_are_refused(ttl: str) -> None:
    with pytest.raises(GrantError, match="such as 90s, 30m, 1h or 7d"):
        parse_grant("alice", "read", ttl)
