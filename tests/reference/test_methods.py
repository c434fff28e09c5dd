"""What the reference says of requests is what a session does."""

from collections.abc import Mapping
from typing import Any

import pytest

from finalex.protocol.messages import Message
from finalex.protocol.requests import METHODS as OF_PROTOCOL
from finalex.reference.forms import Method
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.methods import METHODS
from support.conversation import Conversation, House, token

ALL = [*METHODS.values()]
NAMES = [*METHODS]


def test_every_method_is_documented() -> None:
    assert tuple(METHODS) == OF_PROTOCOL


def test_every_reply_is_documented() -> None:
    assert {method.reply for method in ALL} <= SERVER_MESSAGES.keys()


def reply_to(conversation: Conversation, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reply to a request."""
    return next(message for message in conversation.request(method, id="own", **params) if message["id"] == "own")


@pytest.mark.parametrize("method", ALL, ids=NAMES)
def test_the_example_gets_its_reply(method: Method) -> None:
    house = House()
    house.fund("alice", USDT=100_000)
    alice = house.connect("alice")
    alice.request("place_order", **METHODS["place_order"].example)
    (order,) = house.desk.hub.open_orders("alice")
    known = {"auth": {"token": token("alice")}, "cancel_order": {"order_id": order.id}}

    assert reply_to(alice, method.name, known.get(method.name, method.example))["type"] == method.reply


@pytest.mark.parametrize("method", ALL, ids=NAMES)
def test_the_scope_is_the_one_that_it_takes(method: Method) -> None:
    reader = House().connect(token=token("alice", scope="read"))

    reply = reply_to(reader, method.name, method.example)

    denied = reply["data"].get("code") == "AUTHENTICATION_REQUIRED"
    assert denied == (method.scope == "trade")


@pytest.mark.parametrize("kind", SERVER_MESSAGES)
def test_examples_of_messages_are_of_their_type(kind: str) -> None:
    message = SERVER_MESSAGES[kind]

    assert message.examples
    for example in message.examples:
        assert isinstance(example, Message)
        assert example.type == kind
