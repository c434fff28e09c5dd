"""Entries of the audit log: one object on a line, cut to size, with nothing in it that opens anything."""

import json
from typing import Any

import jwt
import pytest

from finalex.audit.entries import encode_entry

TOKEN = jwt.encode({"sub": "alice"}, "s" * 32)
KEY = "pk_live_" + "k" * 40


def entry(event: str = "login", **fields: object) -> Any:
    line = encode_entry(event, 1_700_000_000_123, fields)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line)


def test_an_entry_says_when_and_what() -> None:
    assert entry("login", user="alice", scopes=["read"], expires_ms=5, key=None) == {
        "time": "2023-11-14T22:13:20.123Z",
        "event": "login",
        "user": "alice",
        "scopes": ["read"],
        "expires_ms": 5,
    }


def test_a_key_is_named_by_its_public_beginning() -> None:
    assert entry(key="pk_live_1a2B3c4D", old_key="pk_test_1a2B3c4D") | {"time": ""} == {
        "time": "",
        "event": "login",
        "key": "pk_live_1a2B3c4D",
        "old_key": "pk_test_1a2B3c4D",
    }


@pytest.mark.parametrize(
    "secret", [TOKEN, KEY, f"Bearer {TOKEN}", f"ws://h/?token={TOKEN}", f"x{KEY}" * 100, f"api_key={KEY}"]
)
@pytest.mark.parametrize(
    "shape", [lambda text: text, lambda text: [text], lambda text: {"a": text}, lambda text: text.encode()]
)
def test_what_looks_like_a_credential_is_masked_wherever_it_is(secret: str, shape: Any) -> None:
    written = encode_entry("login", 0, {"key": shape(secret), "jti": shape(secret), "reason": shape(secret)}).decode()

    assert TOKEN.split(".")[1] not in written
    assert "kkkk" not in written


@pytest.mark.parametrize("text", ["a\nb", "a\r\n{}", '"}\n{"event":"login"', "\u2028", "\0", "\x1b[31m"])
def test_nobody_can_forge_a_line(text: str) -> None:
    assert entry(user=text)["user"] == text


def test_a_text_that_is_no_unicode_is_written_all_the_same() -> None:
    assert entry(jti="\ud800")["jti"] == "\\ud800"


def test_long_texts_and_lists_are_cut() -> None:
    told = entry(user="u" * 300, jti="j" * 1_000_000, scopes=["s"] * 1000)

    assert told["user"] == "u" * 256
    assert len(told["jti"]) <= 256
    assert len(told["scopes"]) == 32
