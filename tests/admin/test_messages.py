"""The admin protocol: lines in, structs out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.admin.messages import (
    AccountReply,
    AnyRequest,
    BalanceText,
    ClosedReply,
    CloseKey,
    CloseToken,
    CreditAccount,
    DebitAccount,
    ErrorCode,
    ErrorReply,
    InvalidMessageError,
    ShowAccount,
    ShowStatus,
    decode_reply,
    decode_request,
    encode,
)

REQUESTS = [
    ShowAccount(user="alice"),
    CreditAccount(user="alice", currency="BTC", amount="1.5", reference="r"),
    DebitAccount(user="alice", currency="BTC", amount="1.5", reference="r"),
    CloseKey(key="pk_live_1a2B3c4D"),
    CloseToken(token="one"),
    CloseToken(user="alice", issued_until_ms=5),
    ShowStatus(),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_request_comes_back_from_its_line(request_: AnyRequest) -> None:
    line = encode(request_)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_request(line) == request_


def test_a_request_is_told_by_its_name() -> None:
    line = b'{"request":"debit_account","user":"alice","currency":"BTC","amount":"1","reference":"r"}'
    assert decode_request(line) == DebitAccount(user="alice", currency="BTC", amount="1", reference="r")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b'{"request":"fly"}\n',
        b'{"request":1}\n',
        b'{"request":"show_account"}\n',
        b'{"request":"show_account","user":1}\n',
        b'{"request":"show_account","user":null}\n',
        b'{"request":"show_account","user":"alice","else":1}\n',
        b'{"request":"credit_account","user":"a","currency":"BTC","amount":1.5,"reference":"r"}\n',
        b'{"request":"show_status"}{"request":"show_status"}\n',
        b'{"request":"show_account","user":"\xff"}\n',
        b'{"request":"show_account","user":"\\ud800"}\n',
        b"\0" * 100,
        b"[" * 4000,
        b'{"request":' * 300,
    ],
)
def test_anything_else_is_no_request(line: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        decode_request(line)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_invalid(line: bytes) -> None:
    with pytest.raises(InvalidMessageError):
        decode_request(line)


def test_a_reply_is_the_expected_one_or_an_error() -> None:
    balance = BalanceText(currency="BTC", available="1", locked="2", total="3")
    account = AccountReply(user="alice", balances=(balance,), open_orders=4)
    error = ErrorReply(code=ErrorCode.BUSY, message="no")
    assert decode_reply(encode(account), AccountReply) == account
    assert decode_reply(encode(error), AccountReply) == error
    with pytest.raises(InvalidMessageError):
        decode_reply(encode(account), ClosedReply)


def test_a_newer_servers_reply_may_say_more() -> None:
    line = json.dumps({"reply": "closed", "connections": 1, "more": True}).encode()
    assert decode_reply(line, ClosedReply) == ClosedReply(connections=1)
