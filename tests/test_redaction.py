"""Credentials never reach a log line."""

import pytest

from finalex.redaction import redact, redact_text
from finalex.session.auth import Credentials

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
KEY = "pk_live_abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    "value",
    [
        JWT,
        f"bad token {JWT}!",
        f"closed {KEY}",
        [f"deep {KEY}", {"inner": (JWT,)}],
        {"token": "hunter2"},
        {"headers": {"Authorization": "Bearer hunter2"}},
        {"X-API-Key": "hunter2"},
        {b"api_key": "hunter2"},
        {"jwt_secret": "hunter2"},
        [("x-api-key", "hunter2"), (b"Authorization", b"hunter2")],
        {KEY: 1},
        "GET /?token=hunter2 HTTP/1.1",
        "ws://localhost/ws?symbol=x&api_key=hunter2",
        "/?%74oken=hunter2",
        "token=hunter2&x=1",
        'params: {"token": "hunter2"}',
        "Authorization: Bearer hunter2",
        "Authorization: Basic hunter2",
        "Authenticate(token='hunter2', api_key=None)",
        b"token=hunter2",
        ValueError("api_key=hunter2"),
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"token": "hunter2"}}}}}}}}},
    ],
    ids=repr,
)
def test_a_credential_is_masked_wherever_it_hides(value: object) -> None:
    shown = repr(redact(None, "info", {"event": "handshake", "value": value}))

    assert "hunter2" not in shown
    assert JWT not in shown
    assert KEY not in shown
    assert "***" in shown


def test_credentials_do_not_show_themselves_either() -> None:
    assert "hunter2" not in repr(Credentials(token="hunter2", api_key="hunter2"))


@pytest.mark.parametrize("key", ["token", "TOKEN", "api_key", "api-key", "x_api_key", "Authorization", "jwt_secret"])
def test_an_entry_named_like_a_credential_is_masked(key: str) -> None:
    assert redact(None, "info", {key: "hunter2"}) == {key: "***"}


def test_everything_else_is_left_as_it_is() -> None:
    entry = {
        "event": "connection closed; did you mean 'port'?",
        "code": 1000,
        "ratio": 0.5,
        "ok": True,
        "user": None,
        "token": None,
        "symbols": ["BTC/USDT"],
        "path": "/ws",
        "timestamp": "2026-01-01T00:00:00Z",
    }

    assert redact(None, "info", dict(entry)) == entry


def test_the_kind_of_a_key_stays_visible() -> None:
    assert redact_text(f"refused {KEY}, pk_test_x") == "refused pk_live_***, pk_test_***"
