"""Every JSON example of the specification against what the server sends: same keys, same types, same formats."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest_asyncio

from support.server import Client, Server
from support.spec import code_blocks

Example = dict[str, Any]

Serving = Callable[..., AbstractAsyncContextManager[Server]]
"""Runs an exchange: one process, or a cluster; see `conftest`."""

FORMATS = {
    "a UUID": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "a decimal number": re.compile(r"-?\d+\.\d+"),
    "digits": re.compile(r"\d+"),
    "trade_ and digits": re.compile(r"trade_\d+"),
    "a symbol": re.compile(r"[A-Z]+/[A-Z]+"),
    "a currency or a code": re.compile(r"[A-Z][A-Z_]+"),
    "a word": re.compile(r"[a-z0-9_]+"),
    "text": re.compile(r".+", re.DOTALL),
}

ANY_DECIMALS = {"volume_24h"}
"""The example shows two decimals; volumes have the instrument's own (see `design/protocol.md`)."""


def examples() -> dict[str, Example]:
    """Return the spec's examples of server messages, by type."""
    parsed = [json.loads(block) for block in code_blocks("json")]
    return {example["type"]: example for example in parsed if "type" in example and example["type"] != "message_type"}


def requests() -> list[Example]:
    """Return the spec's examples of requests."""
    return [parsed for parsed in map(json.loads, code_blocks("json")) if "method" in parsed]


def format_of(text: str) -> str:
    """Return the name of the narrowest format that fits `text`."""
    return next(name for name, pattern in FORMATS.items() if pattern.fullmatch(text))


def assert_like(example: Any, actual: Any, path: str) -> None:
    """Assert that `actual` has the shape of `example`: more keys are allowed, others are not."""
    assert type(actual) is type(example), path
    if isinstance(example, dict):
        assert example.keys() <= actual.keys(), path
        for key in example:
            assert_like(example[key], actual[key], f"{path}.{key}")
    elif isinstance(example, list) and isinstance(example[0], str):  # a level: price and quantity
        for number, (wanted, item) in enumerate(zip(example, actual, strict=True)):
            assert_like(wanted, item, f"{path}[{number}]")
    elif isinstance(example, list):
        assert actual, path
        for item in actual:
            assert_like(example[0], item, f"{path}[]")
    elif isinstance(example, str):
        assert_same_format(example, actual, path)
    elif isinstance(example, int) and not isinstance(example, bool) and "time" in path:
        assert len(str(actual)) == len(str(example)), f"{path} is not in milliseconds"


def assert_same_format(example: str, actual: str, path: str) -> None:
    """Assert that two texts have one format and, where they are decimals, the same number of them."""
    key = path.rpartition(".")[2]
    assert format_of(actual) == format_of(example), f"{path}: {actual!r} is not like {example!r}"
    if format_of(example) == "a decimal number" and key not in ANY_DECIMALS:
        assert len(actual.partition(".")[2]) == len(example.partition(".")[2]), path


async def trade_something(alice: Client, bob: Client) -> None:
    """Make every kind of message: a resting order, a trade, balances that are available and locked."""
    order = {"symbol": "BTC/USDT", "type": "limit"}
    await alice.request("place_order", **order, side="sell", quantity="1", price="45678.90")
    await alice.request("place_order", **order, side="buy", quantity="1", price="45000.00")
    await bob.request("place_order", **order, side="buy", quantity="0.5", price="45678.90")
    await bob.request("place_order", **order, side="sell", quantity="0.5", price="46000")


@pytest_asyncio.fixture
async def sent(serving: Serving) -> AsyncIterator[dict[str, Example]]:
    """Yield one message of every type, as an exchange with two traders sent it."""
    async with serving(source="exchange") as server, server.client("alice") as alice, server.client("bob") as bob:
        for request in requests():
            if request["method"] == "subscribe":
                await alice.send(request)
        await alice.send({"method": "subscribe", "params": {"channel": "invalid_channel", "symbol": "BTC/USDT"}})
        await trade_something(alice, bob)
        await alice.request("subscribe", channel="orderbook", symbol="BTC/USDT")  # again: the book is filled now
        await alice.next_of("orderbook_snapshot")
        await alice.until(lambda seen: len(examples().keys() - {message["type"] for message in seen}) == 0)
        yield {message["type"]: message for message in alice.seen}


async def test_every_example_is_what_the_server_sends(sent: dict[str, Example]) -> None:
    for kind, example in examples().items():
        assert_like(example, sent[kind], kind)


async def test_the_data_of_a_channel_is_the_spec_and_what_is_documented_as_added(sent: dict[str, Example]) -> None:
    added = {
        "ticker": {"quote_volume_24h"},
        "orderbook_snapshot": {"depth"},
        "orderbook_update": {"depth"},
        "account_update": {"sequence"},
        "order_update": {"client_order_id", "time_in_force", "post_only", "sequence"},
        "user_trade": {"client_order_id", "sequence"},
    }
    for kind, example in examples().items():
        if "channel" in example:
            assert sent[kind]["data"].keys() - example["data"].keys() == added.get(kind, set()), kind


async def test_every_message_has_the_envelope(sent: dict[str, Example]) -> None:
    envelope = next(parsed for parsed in map(json.loads, code_blocks("json")) if parsed.get("type") == "message_type")
    for message in sent.values():
        assert message.keys() <= envelope.keys()
        assert envelope.keys() - message.keys() <= {"channel"}
        assert isinstance(message["id"], str)
        assert message["timestamp"] > 1_600_000_000_000


async def test_the_error_example_is_the_servers_own_words(sent: dict[str, Example]) -> None:
    assert sent["error"]["data"] == examples()["error"]["data"]


async def test_every_request_of_the_spec_is_accepted(serving: Serving) -> None:
    async with serving(source="exchange") as server, server.client("alice") as alice:
        for request in requests():
            reply = await alice.request(request["method"], **request["params"])
            assert reply["type"] == request["method"] + "d", reply
