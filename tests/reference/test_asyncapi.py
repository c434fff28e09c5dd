"""The AsyncAPI document: valid by the official parser, whole, and the same each time."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from finalex.config import load_config
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.protocol.requests import METHODS
from finalex.reference.asyncapi import asyncapi_document
from finalex.reference.channels import CHANNELS
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.schemas import json_schema
from reference.node import invalid, parsed


@pytest.fixture
def document() -> dict[str, Any]:
    return asyncapi_document(load_config({}, {}))


def references(value: object) -> Iterator[str]:
    """Yield every reference within a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def found(document: Any, reference: str) -> object:
    """Return what a reference within a document means; raises `KeyError`."""
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_official_parser_finds_nothing_wrong_in_it(document: dict[str, Any]) -> None:
    result = parsed(document)

    assert [problem for problem in result["problems"] if problem["code"] != "asyncapi-latest-version"] == []
    assert result["found"]["version"] == "3.0.0"
    assert set(result["found"]["channels"]) == {*CHANNELS, "connection", "trading"}
    assert set(result["found"]["operations"]) == set(document["operations"])


def test_the_official_parser_finds_what_is_wrong(document: dict[str, Any]) -> None:
    document["operations"]["ping"]["action"] = "shout"

    assert parsed(document)["found"] is None


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for whole in (document, json_schema()):
        for reference in references(whole):
            found(whole, reference)


def test_every_part_is_used(document: dict[str, Any]) -> None:
    used = {*references(document)}

    for kind in ("messages", "schemas", "securitySchemes"):
        assert {f"#/components/{kind}/{name}" for name in document["components"][kind]} <= used


def test_every_message_is_sent_or_is_a_reply(document: dict[str, Any]) -> None:
    operations = document["operations"].values()
    sent = {
        ref for operation in operations if operation["action"] == "send" for ref in references(operation["messages"])
    }
    replies = {ref for operation in operations for ref in references(operation.get("reply", {}).get("messages", []))}

    assert {reference.rpartition("/")[2] for reference in sent | replies} == set(SERVER_MESSAGES)


def test_every_request_is_received(document: dict[str, Any]) -> None:
    received = {
        ref for each in document["operations"].values() if each["action"] == "receive" for ref in references(each)
    }
    named = {reference.rpartition("/")[2] for reference in received}
    requests = {name for name in document["components"]["messages"] if name.endswith("Request")}

    assert requests <= named
    assert {document["components"]["messages"][name]["name"] for name in requests} == set(METHODS)


def test_every_code_is_in_it(document: dict[str, Any]) -> None:
    assert [row["code"] for row in document["x-error-codes"]] == [*ErrorCode]
    assert {row["code"]: row["reconnect"] for row in document["x-close-codes"]} == {
        int(code): code.reconnect for code in CloseCode
    }


def test_only_what_is_private_takes_credentials(document: dict[str, Any]) -> None:
    for name, operation in document["operations"].items():
        channel = operation["channel"]["$ref"].rpartition("/")[2]
        private = channel == "trading" or (channel in CHANNELS and CHANNELS[channel].private)
        assert ("security" in operation) == private, name


def test_it_tells_the_limits_of_the_server_that_it_is_made_for() -> None:
    config = load_config({"connections_per_ip": "77", "port": "9000"}, {})
    document = asyncapi_document(config)

    limits = {limit["name"]: limit["value"] for limit in document["x-limits"]}
    assert limits["connections_per_ip"] == 77
    assert document["servers"]["development"]["host"] == "localhost:9000"


def test_it_tells_the_markets(document: dict[str, Any]) -> None:
    assert [row["symbol"] for row in document["x-instruments"]] == [*load_config({}, {}).instruments]
    assert document["x-instruments"][0]["tick_size"] == "0.01"


def test_it_is_the_same_each_time(document: dict[str, Any]) -> None:
    assert json.dumps(document) == json.dumps(asyncapi_document(load_config({}, {})))


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    checks: list[tuple[str, object]] = []
    for name, message in document["components"]["messages"].items():
        for example in message["examples"]:
            payload = example["payload"]
            checks.append((definition(name, payload), payload))

    assert invalid(checks) == []


def definition(name: str, payload: dict[str, Any]) -> str:
    """Return the name of the schema that a message of the document has by itself."""
    if name in SERVER_MESSAGES:
        return f"server.{name}"
    channel = payload.get("params", {}).get("channel")
    return f"client.{payload['method']}" + (f"_{channel}" if channel else "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client.ping", {"method": "pong"}),
        ("client.subscribe_ticker", {"method": "subscribe", "params": {"channel": "ticker", "symbol": "BTC"}}),
        (
            "client.subscribe_orderbook",
            {"method": "subscribe", "params": {"channel": "orderbook", "symbol": "A/B", "depth": 7}},
        ),
        ("client.place_order", {"method": "place_order", "params": {"symbol": "A/B", "side": "long"}}),
        ("server.pong", {"id": "a", "type": "pong", "data": {"server_time": "now"}, "timestamp": 1}),
        ("server.pong", {"id": "a", "type": "pong", "data": {"server_time": 1, "more": 1}, "timestamp": 1}),
    ],
)
def test_what_is_wrong_is_not_valid(name: str, value: object) -> None:
    assert len(invalid([(name, value)])) == 1
