"""Every field of the protocol is documented, and nothing else is."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from finalex.protocol.messages import Message
from finalex.reference import shapes
from finalex.reference.fields import FIELDS, field_of, key_of
from finalex.reference.schemas import build_schemas, documented_structs
from finalex.session import replies

SENTENCE = re.compile(r"[A-Z`].*\.", re.DOTALL)


def documented_fields() -> Iterator[tuple[str, str]]:
    """Yield every field there is with the name of its struct."""
    for name in Message.__struct_fields__:
        yield "Message", name
    for owner, schema in build_schemas().shared.items():
        if not owner.endswith("Subscription"):
            yield from ((owner, name) for name in schema["properties"])


def test_every_field_has_a_sentence() -> None:
    for owner, name in documented_fields():
        assert SENTENCE.fullmatch(field_of(owner, name).meaning), f"{owner}.{name}"


def test_every_sentence_has_a_field() -> None:
    assert {key_of(owner, name) for owner, name in documented_fields()} == FIELDS.keys()


def test_every_struct_has_all_its_fields_in_its_schema() -> None:
    shared = build_schemas().shared

    for name, struct in documented_structs().items():
        assert list(shared[name]["properties"]) == list(struct.__struct_fields__)


@pytest.mark.parametrize("name", ["SubscriptionsData", "HeartbeatData"])
def test_a_shape_of_ours_is_that_of_the_session(name: str) -> None:
    ours: type[msgspec.Struct] = getattr(shapes, name)
    theirs: type[msgspec.Struct] = getattr(replies, name)

    assert ours.__struct_fields__ == theirs.__struct_fields__


def test_the_envelope_has_the_fields_of_the_struct() -> None:
    server = build_schemas().server

    assert list(server["ticker"]["properties"]) == list(Message.__struct_fields__)
    assert list(server["pong"]["properties"]) == [name for name in Message.__struct_fields__ if name != "channel"]
