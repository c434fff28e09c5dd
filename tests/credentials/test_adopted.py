"""Keys and revocations that were made elsewhere, taken over into a node's own files."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from finalex.credentials.grants import Grant
from finalex.credentials.keys import KEYS_FILE_NAME, HashedKey, KeyStore, KeyStoreError, is_id
from finalex.credentials.pepper import PEPPER_FILE_NAME, stored_pepper
from finalex.credentials.revocations import RevocationStore, RevokedTokens

GRANT = Grant(user="alice", scopes=frozenset({"read", "trade"}), ttl_ms=None)


def handed_over(tmp_path: Path, **ends: int) -> tuple[str, HashedKey, bytes]:
    """Make a key in one directory, and give its pepper to another; return key, what is kept of it, and the check."""
    with closing(KeyStore(tmp_path / "there" / KEYS_FILE_NAME)) as there:
        key, _ = there.create(GRANT, "desk", 5, addresses=("10.0.0.0/8",))
        (kept,) = there.hashed_keys()
        check = there.pepper_check()
    assert check is not None
    (tmp_path / "here").mkdir(mode=0o700, exist_ok=True)
    (tmp_path / "there" / PEPPER_FILE_NAME).rename(tmp_path / "here" / PEPPER_FILE_NAME)
    return key, HashedKey(msgspec.structs.replace(kept.record, **ends), kept.hash), check


def test_an_adopted_key_logs_in_as_where_it_was_made(tmp_path: Path) -> None:
    key, kept, check = handed_over(tmp_path)
    with closing(KeyStore(tmp_path / "here" / KEYS_FILE_NAME)) as here:
        assert here.pepper_check() is None
        here.adopt([kept], check)
        assert here.lookup(key, 6) == kept.record
        assert here.lookup(key[:-1] + ("x" if key[-1] != "x" else "y"), 6) is None


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ({"revoked_ms": 7}, {}, (None, 7)),
        ({}, {"revoked_ms": 7}, (None, 7)),
        ({"revoked_ms": 7}, {"revoked_ms": 9}, (None, 7)),
        ({"expires_ms": 20}, {}, (20, None)),
        ({}, {"expires_ms": 20}, (20, None)),
        ({"expires_ms": 20}, {"expires_ms": 30}, (20, None)),
        ({"expires_ms": 30, "revoked_ms": 7}, {"expires_ms": 20}, (20, 7)),
    ],
)
def test_what_ends_a_key_counts_in_whichever_order_it_comes(
    tmp_path: Path, first: dict[str, int], then: dict[str, int], expected: tuple[int | None, int | None]
) -> None:
    _, kept, check = handed_over(tmp_path)
    with closing(KeyStore(tmp_path / "here" / KEYS_FILE_NAME)) as here:
        for ends in (first, then):
            here.adopt([HashedKey(msgspec.structs.replace(kept.record, **ends), kept.hash)], check)
        (record,) = here.records()
    assert (record.expires_ms, record.revoked_ms) == expected


def test_an_adopted_key_keeps_when_it_was_last_used_here_and_can_be_forgotten(tmp_path: Path) -> None:
    key, kept, check = handed_over(tmp_path)
    with closing(KeyStore(tmp_path / "here" / KEYS_FILE_NAME)) as here:
        here.adopt([kept], check)
        here.record_uses({kept.record.id: 17})
        here.adopt([kept], check)
        assert [record.last_used_ms for record in here.records()] == [17]
        here.adopt([], check, [kept.record.id])
        assert (here.records(), here.lookup(key, 6)) == ([], None)


def test_keys_hashed_with_another_pepper_are_not_mixed_with_those_there(tmp_path: Path) -> None:
    _, kept, check = handed_over(tmp_path)
    with closing(KeyStore(tmp_path / "other" / KEYS_FILE_NAME)) as other:
        key, record = other.create(GRANT, "", 5)
        with pytest.raises(KeyStoreError, match="another pepper than the exchange's"):
            other.adopt([kept], check)
        assert other.lookup(key, 6) == record
    assert stored_pepper(tmp_path / "other", make=False).check != check


def test_adopted_revocations_cover_what_both_cover(tmp_path: Path) -> None:
    def of_alice(until_ms: int, expires_ms: int) -> RevokedTokens:
        return RevokedTokens(kind="user", name="alice", revoked_ms=5, expires_ms=expires_ms, issued_until_ms=until_ms)

    with closing(RevocationStore(tmp_path / "revocations.sqlite")) as store:
        store.adopt([])
        assert not (tmp_path / "revocations.sqlite").exists()
        store.adopt([of_alice(20, 100)])
        store.adopt([of_alice(10, 200)])
        assert store.entries(0) == [of_alice(20, 200)]


@pytest.mark.parametrize(
    ("text", "could_be"),
    [("pk_live_1a2B3c4D", True), ("pk_test_00000000", True), ("pk_live_*", False), ("pk_live_1a2B3c4D.x", False)],
)
def test_only_what_could_be_an_id_is_looked_up(text: str, could_be: bool) -> None:
    assert is_id(text) is could_be
