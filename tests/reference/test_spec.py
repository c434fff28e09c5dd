"""The reference against the specification: its examples, its lists and its numbers."""

import json
import re
from typing import Any

import msgspec

from finalex.config import load_config
from finalex.protocol.errors import ErrorCode
from finalex.reference.channels import CHANNELS
from finalex.reference.limits import limits_of
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.servers import SERVERS
from support.spec import code_blocks, spec_text


def examples() -> list[dict[str, Any]]:
    """Return every example of the specification that is a message or a request."""
    parsed: list[dict[str, Any]] = [json.loads(block) for block in code_blocks("json")]
    return [example for example in parsed if example.get("type") != "message_type"]


def of_reference(kind: str) -> Any:
    """Return the first example of a message in the reference."""
    return json.loads(msgspec.json.encode(SERVER_MESSAGES[kind].examples[0]))


def assert_has(actual: Any, wanted: Any, path: str) -> None:
    """Assert that `actual` has every field of `wanted`, of the same type."""
    assert type(actual) is type(wanted), path
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert key in actual, f"{path}.{key}"
            assert_has(actual[key], value, f"{path}.{key}")
    elif isinstance(wanted, list):
        for mine, item in zip(actual, wanted, strict=True):
            assert_has(mine, item, path)


def test_every_message_of_the_specification_has_its_fields_here() -> None:
    kinds = [example["type"] for example in examples() if "type" in example]
    assert len(kinds) == 10

    for example in examples():
        if "type" in example:
            assert_has(of_reference(example["type"]), example, example["type"])


def test_every_subscription_of_the_specification_is_the_example_here() -> None:
    params = [
        example["params"] for example in examples() if example.get("method") == "subscribe" and "id" not in example
    ]
    assert len(params) == 7

    for each in params:
        assert CHANNELS[each["channel"]].example == each


def test_the_intervals_are_those_of_the_specification() -> None:
    (line,) = re.findall(r"^\*\*Intervals:\*\* (.*)$", spec_text(), re.MULTILINE)
    (interval,) = (each for each in CHANNELS["kline"].parameters if each.name == "interval")

    assert re.findall(r"`(\w+)`", line) == interval.schema["enum"]


def test_the_error_codes_of_the_specification_are_here() -> None:
    codes = re.findall(r"^- `([A-Z_]+)` - ", spec_text(), re.MULTILINE)
    assert len(codes) == 6

    assert set(codes) <= {*ErrorCode}


def test_the_limits_are_those_of_the_specification() -> None:
    limits = {limit.name: limit.value for limit in limits_of(load_config({}, {}))}
    text = spec_text()

    for sentence in (
        f"{limits['public_subscriptions_max']} subscriptions per connection",
        f"**Private Channels**: {limits['private_subscriptions_max']} subscriptions per connection",
        f"{limits['connections_per_ip']} connections per IP",
        f"{limits['messages_per_minute_max']} messages per minute per connection",
        f"ping frames every {limits['ping_interval_ms'] // 1000} seconds",
    ):
        assert sentence in text


def test_the_servers_are_those_of_the_specification() -> None:
    for server in SERVERS:
        assert f"- **{server.name.capitalize()}**: `{server.url(8081)}`" in spec_text()
