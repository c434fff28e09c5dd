"""What the reference says of channels and their parameters is what a server does."""

from collections.abc import Iterator

import pytest

from finalex.channels.hub import Hub
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.protocol.errors import RequestError
from finalex.protocol.requests import Envelope, Subscribe, Subscription
from finalex.protocol.streams import HEARTBEAT, Stream
from finalex.reference.channels import CHANNELS
from finalex.reference.forms import Channel, Parameter
from finalex.reference.messages import SERVER_MESSAGES

HUB = Hub(DEFAULT_INSTRUMENTS)

OF_HUB = [channel for channel in CHANNELS.values() if channel.name != HEARTBEAT]
PARAMETERS = [(channel, parameter) for channel in OF_HUB for parameter in channel.parameters]
NAMES = [f"{channel.name} {parameter.name}" for channel, parameter in PARAMETERS]


def subscribe(params: dict[str, object]) -> Stream:
    """Return the stream that a request names as a user sends it; raises `RequestError`."""
    request = Envelope(1, {"method": "subscribe", "params": params}).request()
    assert isinstance(request, Subscribe)
    (item,) = request.items
    assert isinstance(item, Subscription)
    stream = HUB.stream(item, "alice")
    if item.after is not None:
        HUB.place(stream, item.after)
    return stream


def allowed_values(parameter: Parameter) -> list[object]:
    """Return every value that is listed, or the ends of what is allowed."""
    schema = parameter.schema
    ends = [schema[key] for key in ("minimum", "maximum") if key in schema]
    return [*schema.get("enum", ends or [parameter.example]), parameter.example]


def wrong_values(parameter: Parameter) -> Iterator[object]:
    """Yield values of the right type that are not allowed."""
    schema = parameter.schema
    if "maximum" in schema:
        yield from (schema["minimum"] - 1, schema["maximum"] + 1)
    elif schema["type"] == "integer":
        yield 7
    elif schema["type"] == "boolean":
        yield 5
    else:
        yield "no such thing"


def required(channel: Channel) -> dict[str, object]:
    """Return the parameters without which a subscription is none."""
    return {"channel": channel.name} | {each.name: each.example for each in channel.parameters if each.required}


def test_every_channel_is_documented() -> None:
    with pytest.raises(RequestError) as refusal:
        HUB.stream(Subscription("no such channel"), None)
    assert refusal.value.code == "INVALID_CHANNEL"
    for channel in OF_HUB:
        assert subscribe(required(channel)).private == channel.private
    assert {channel.name for channel in OF_HUB} == set(HUB.channels)


@pytest.mark.parametrize(("channel", "parameter"), PARAMETERS, ids=NAMES)
def test_every_allowed_value_is_taken(channel: Channel, parameter: Parameter) -> None:
    for value in allowed_values(parameter):
        subscribe(required(channel) | {parameter.name: value})


@pytest.mark.parametrize(("channel", "parameter"), PARAMETERS, ids=NAMES)
def test_every_other_value_is_refused_as_documented(channel: Channel, parameter: Parameter) -> None:
    for value in wrong_values(parameter):
        with pytest.raises(RequestError) as refusal:
            subscribe(required(channel) | {parameter.name: value})
        assert refusal.value.code == parameter.error, value


@pytest.mark.parametrize(("channel", "parameter"), PARAMETERS, ids=NAMES)
def test_only_a_required_parameter_may_not_be_missing(channel: Channel, parameter: Parameter) -> None:
    given = required(channel)
    given.pop(parameter.name, None)
    if not parameter.required:
        subscribe(given)
        return
    with pytest.raises(RequestError) as refusal:
        subscribe(given)
    assert refusal.value.code == "INVALID_PARAMS"


@pytest.mark.parametrize(("channel", "parameter"), PARAMETERS, ids=NAMES)
def test_the_default_is_what_a_missing_parameter_means(channel: Channel, parameter: Parameter) -> None:
    default = parameter.schema.get("default")
    if default is not None:
        assert subscribe(required(channel)) == subscribe(required(channel) | {parameter.name: default})


def test_every_parameter_of_the_protocol_belongs_to_a_channel() -> None:
    documented = {parameter.name for _, parameter in PARAMETERS}

    assert documented | {"channel"} == set(Subscription.__struct_fields__)


def test_every_message_of_a_channel_belongs_to_one() -> None:
    listed = [(kind, channel.name) for channel in CHANNELS.values() for kind in channel.messages]

    assert sorted(listed) == sorted((kind, m.channel) for kind, m in SERVER_MESSAGES.items() if m.channel)
