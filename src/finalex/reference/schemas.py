"""JSON Schemas of every message in both directions, made from the protocol's structs.

They are the same in the drafts 7 (which AsyncAPI uses) and 2020-12. Objects from the server may get further fields
in later versions, so the schemas allow them.
"""

from typing import Final, NamedTuple

import msgspec

from finalex.protocol.requests import ID_LENGTH_MAX, ITEMS_MAX
from finalex.reference.channels import CHANNELS
from finalex.reference.fields import field_of
from finalex.reference.forms import Channel, Method, Schema, ServerMessage
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.methods import METHODS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

DEFINITION: Final = "#/$defs/{name}"
"""Where a JSON Schema has its shared parts."""


class Schemas(NamedTuple):
    """All schemas: `shared` are those of `data` and `params` by name, the others whole messages.

    `server` has them by the type of the message, `client` by the name of the request.
    """

    shared: dict[str, Schema]
    server: dict[str, Schema]
    client: dict[str, Schema]


def build_schemas(reference: str = DEFINITION) -> Schemas:
    """Return all schemas; `reference` is the form of a reference to a shared one by its `{name}`."""
    shared = _structs(reference) | {subscription_name(each): _subscription(each) for each in CHANNELS.values()}
    server = {message.kind: _server_message(message, reference) for message in SERVER_MESSAGES.values()}
    client = {method.name: _method(method, reference) for method in METHODS.values()}
    for channel in CHANNELS.values():
        params = {"$ref": reference.format(name=subscription_name(channel))}
        for method in ("subscribe", "unsubscribe"):
            client[f"{method}_{channel.name}"] = _request(method, params)
    return Schemas(shared, server, client)


def json_schema() -> Schema:
    """Return one schema that fits every message of the protocol; each message has its own in `$defs`."""
    schemas = build_schemas()
    server = {f"server.{name}": schema for name, schema in schemas.server.items()}
    client = {f"client.{name}": schema for name, schema in schemas.client.items()}
    named = {"server": _any_of(server), "client": _any_of(client)}
    return {
        "$schema": DIALECT,
        "title": "Finalex WebSocket API",
        "description": "Every message from the server (`server`) and to it (`client`).",
        **_any_of(named),
        "$defs": named | server | client | schemas.shared,
    }


def subscription_name(channel: Channel) -> str:
    """Return the name of the schema of a subscription to `channel`."""
    return "".join(word.capitalize() for word in channel.name.split("_")) + "Subscription"


def documented_structs() -> dict[str, type[msgspec.Struct]]:
    """Return every struct that is the `data` of a message or the `params` of a request, by its name."""
    data = [kind for message in SERVER_MESSAGES.values() for kind in message.data_types]
    params = [method.params for method in METHODS.values() if method.params is not None]
    return {kind.__name__: kind for kind in (*data, *params)}


def _any_of(schemas: dict[str, Schema]) -> Schema:
    return {"anyOf": [{"$ref": DEFINITION.format(name=name)} for name in schemas]}


# --- structs --------------------------------------------------------------------------------------------


def _structs(reference: str) -> dict[str, Schema]:
    """Return the schemas of all structs, those within others included."""
    _, components = msgspec.json.schema_components(documented_structs().values(), ref_template=reference)
    requests = {method.params.__name__ for method in METHODS.values() if method.params is not None}
    return {
        name: _struct(name, schema, nullable=name not in requests)
        for name, schema in components.items()
        if "properties" in schema
    }


def _struct(name: str, schema: Schema, *, nullable: bool) -> Schema:
    """Return the schema of a struct with what the reference says of its fields.

    In a request a missing parameter and `null` mean the same; only the first is documented.
    """
    properties = {key: _property(name, key, value, nullable=nullable) for key, value in schema["properties"].items()}
    described = {"title": name, "description": " ".join(schema["description"].split())}
    return described | {"type": "object", "properties": properties} | _rest(schema)


def _rest(schema: Schema) -> Schema:
    kept = {key: schema[key] for key in ("required", "additionalProperties") if key in schema}
    return {key: value for key, value in kept.items() if value != []}


def _property(owner: str, name: str, schema: Schema, *, nullable: bool) -> Schema:
    field = field_of(owner, name)
    if "$ref" in schema and "enum" not in field.schema:
        return schema
    types = [kind for kind in _types(schema) if nullable or kind != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "type")}
    if rest.get("default", 0) is None:
        del rest["default"]
    return {"type": types[0] if len(types) == 1 else types, "description": field.meaning} | rest | dict(field.schema)


def _types(schema: Schema) -> list[str]:
    """Return the JSON types that a schema of one field allows; the only references are to enumerations of text."""
    options = schema.get("anyOf", [schema])
    return ["string" if "$ref" in option else option["type"] for option in options]


# --- messages -------------------------------------------------------------------------------------------


def _server_message(message: ServerMessage, reference: str) -> Schema:
    data = [{"$ref": reference.format(name=kind.__name__)} for kind in message.data_types]
    own_id = {"type": "string"} if message.channel else {"type": ["string", "number"]}
    properties = {
        "id": own_id | {"description": field_of("Message", "id").meaning},
        "type": {"const": message.kind},
        "channel": {"const": message.channel},
        "data": data[0] if len(data) == 1 else {"anyOf": data},
        "timestamp": {"type": "integer", "description": field_of("Message", "timestamp").meaning, "minimum": 0},
    }
    if message.channel is None:
        del properties["channel"]
    return {
        "title": message.title,
        "description": message.summary,
        "type": "object",
        "properties": properties,
        "required": [*properties],
    }


def _subscription(channel: Channel) -> Schema:
    parameters = {each.name: each.schema | {"description": each.meaning} for each in channel.parameters}
    return {
        "title": subscription_name(channel),
        "description": f"What a subscription to `{channel.name}` takes.",
        "type": "object",
        "properties": {"channel": {"const": channel.name}} | parameters,
        "required": ["channel", *(each.name for each in channel.parameters if each.required)],
    }


def _method(method: Method, reference: str) -> Schema:
    if method.params is not None:
        return _request(method.name, {"$ref": reference.format(name=method.params.__name__)})
    if "subscriptions" not in method.example:
        return _request(method.name, None)
    items = [{"$ref": reference.format(name=subscription_name(channel))} for channel in CHANNELS.values()]
    several = {"type": "array", "minItems": 1, "maxItems": ITEMS_MAX, "items": {"anyOf": items}}
    params = {"type": "object", "properties": {"subscriptions": several}, "required": ["subscriptions"]}
    return _request(method.name, params)


def _request(method: str, params: Schema | None) -> Schema:
    own_id = {
        "type": ["string", "number"],
        "maxLength": ID_LENGTH_MAX,
        "description": "Comes back in the reply; may repeat or be missing.",
    }
    return {
        "type": "object",
        "properties": {"id": own_id, "method": {"const": method}, "params": params or {"type": "object"}},
        "required": ["method", "params"] if params else ["method"],
    }
