"""Decoding what clients send."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.model.orders import OrderType, Side, TimeInForce
from finalex.protocol import requests
from finalex.protocol.errors import ErrorCode, RequestError
from finalex.protocol.requests import decode


def request(method: str, **params: Any) -> requests.Request:
    """Decode a request of `method`."""
    return decode(json.dumps({"id": 1, "method": method, "params": params})).request()


def refusal(text: str) -> RequestError:
    """Return the error that `text` gets."""
    with pytest.raises(RequestError) as caught:
        decode(text).request()
    return caught.value


def test_a_subscription_as_the_spec_writes_it() -> None:
    assert request("subscribe", channel="orderbook", symbol="BTC/USDT", depth=20) == requests.Subscribe(
        (requests.Subscription("orderbook", "BTC/USDT", depth=20),), single=True
    )


def test_parameters_of_other_channels_and_unknown_ones_are_ignored_when_subscribing() -> None:
    assert isinstance(request("subscribe", channel="account", symbol=None, colour="red"), requests.Subscribe)


def test_several_subscriptions_fail_alone() -> None:
    several = request("subscribe", subscriptions=[{"channel": "ticker", "symbol": "BTC/USDT"}, 5, {"channel": 7}])
    assert isinstance(several, requests.Subscribe)
    assert isinstance(several.items[0], requests.Subscription)
    assert [isinstance(item, RequestError) for item in several.items] == [False, True, True]


def test_one_request_cannot_ask_for_more_than_the_server_likes_to_give() -> None:
    ticker = {"channel": "ticker", "symbol": "BTC/USDT"}
    history = {"channel": "kline", "symbol": "BTC/USDT", "history": 1000}
    assert isinstance(request("subscribe", subscriptions=[ticker] * requests.ITEMS_MAX), requests.Subscribe)
    assert isinstance(request("subscribe", subscriptions=[history] * 10), requests.Subscribe)
    for items in ([], [ticker] * (requests.ITEMS_MAX + 1), [history] * 10 + [ticker | {"snapshot": 1}]):
        with pytest.raises(RequestError) as caught:
            request("subscribe", subscriptions=items)
        assert caught.value.code is ErrorCode.INVALID_PARAMS


def test_an_order() -> None:
    order = request(
        "place_order", symbol="BTC/USDT", side="buy", type="limit", quantity="1", price="2", time_in_force="FOK"
    )
    assert order == requests.OrderRequest("BTC/USDT", Side.BUY, OrderType.LIMIT, "1", "2", TimeInForce.FOK, False, None)


def test_an_unknown_order_parameter_is_refused_and_named() -> None:
    error = refusal(
        '{"method":"place_order","params":{"symbol":"A/B","side":"buy","type":"limit","quantity":"1","stop":"2"}}'
    )
    assert error.code is ErrorCode.INVALID_PARAMS
    assert "stop" in error.details


@pytest.mark.parametrize("value", ["abc", "", 7, -7, 2**53, 1.5, "ключ"])
def test_an_id_is_kept_as_sent(value: str | float) -> None:
    assert decode(json.dumps({"id": value, "method": "ping"})).id == value


def test_an_id_may_be_missing_or_null() -> None:
    assert decode('{"method":"ping"}').id is None
    assert decode('{"id":null,"method":"ping"}').id is None


BAD_MESSAGES = {
    "empty": "",
    "not JSON": "hello",
    "cut": '{"method":',
    "two values": '{"method":"ping"} {}',
    "a list": "[]",
    "a number": "5",
    "a text": '"ping"',
    "null": "null",
    "no method": "{}",
    "method null": '{"method":null}',
    "method a number": '{"method":5}',
    "method a list": '{"method":["ping"]}',
    "unknown method": '{"method":"fly"}',
    "params a list": '{"method":"ping","params":[]}',
    "params a text": '{"method":"subscribe","params":"ticker"}',
    "id true": '{"id":true,"method":"ping"}',
    "id an object": '{"id":{},"method":"ping"}',
    "id a list": '{"id":[],"method":"ping"}',
    "id too long": '{"id":"' + "x" * 129 + '","method":"ping"}',
    "id too large": '{"id":' + "9" * 30 + ',"method":"ping"}',
    "id huge": '{"id":' + "9" * 5000 + ',"method":"ping"}',
    "id infinite": '{"id":1e999,"method":"ping"}',
    "duplicate keys": '{"method":"ping","method":"subscribe"}',
    "duplicate keys within": '{"method":"subscribe","params":{"channel":"a","channel":"b"}}',
    "NaN": '{"id":NaN,"method":"ping"}',
    "Infinity": '{"method":"ping","params":{"x":-Infinity}}',
    "nested 100,000 deep": "[" * 100_000,
    "objects nested 100,000 deep": '{"a":' * 100_000,
    "half a surrogate pair": '{"id":"\\ud800","method":"ping"}',
    "half a pair in a key": '{"method":"ping","\\udfff":1}',
}


@pytest.mark.parametrize("text", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_bad_message_is_invalid(text: str) -> None:
    assert refusal(text).code is ErrorCode.INVALID_MESSAGE


WRONG_TYPES: list[Any] = [5, 1.5, True, "text", [], [1], {}, {"a": 1}, None]
FIELDS: dict[str, dict[str, Any]] = {
    "subscribe": {
        "channel": "ticker",
        "symbol": "BTC/USDT",
        "depth": 20,
        "interval": "1m",
        "snapshot": 5,
        "history": 5,
        "subscriptions": [{"channel": "ticker", "symbol": "BTC/USDT"}],
    },
    "place_order": {
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "quantity": "1",
        "price": "1",
        "time_in_force": "GTC",
        "post_only": False,
        "client_order_id": "x",
    },
    "cancel_order": {"order_id": "x", "client_order_id": "y"},
    "cancel_all_orders": {"symbol": "BTC/USDT"},
    "cancel_on_disconnect": {"enabled": True},
    "auth": {"token": "x", "api_key": "y"},
}


@pytest.mark.parametrize(("method", "field"), [(method, field) for method in FIELDS for field in FIELDS[method]])
@pytest.mark.parametrize("wrong", WRONG_TYPES, ids=repr)
def test_every_field_with_every_wrong_type_is_refused_by_name_or_accepted(method: str, field: str, wrong: Any) -> None:
    params = FIELDS[method] | {field: wrong}
    if field != "subscriptions":
        params.pop("subscriptions", None)
    try:
        decoded = request(method, **params)
    except RequestError as error:
        assert error.code is ErrorCode.INVALID_PARAMS
        assert f"'{field}'" in error.details
    else:
        item = decoded.items[0] if isinstance(decoded, requests.Subscribe) else decoded
        if field == "subscriptions":
            assert isinstance(item, RequestError)
        else:
            assert getattr(item, field) == wrong


@given(st.text())
def test_no_text_does_anything_but_decode_or_be_refused(text: str) -> None:
    try:
        decode(text).request()
    except RequestError as error:
        assert error.details


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.sampled_from(requests.METHODS), st.dictionaries(st.sampled_from(["id", "params", "x"]), JSON), JSON)
def test_no_json_does_anything_but_decode_or_be_refused(method: str, rest: dict[str, Any], params: Any) -> None:
    try:
        decode(json.dumps({"method": method, "params": params} | rest)).request()
    except RequestError as error:
        assert error.details.encode()
