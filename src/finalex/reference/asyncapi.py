"""The AsyncAPI 3 document: seen from the server, which receives requests and sends messages."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from finalex import __version__
from finalex.config import Config
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.reference.channels import CHANNELS
from finalex.reference.codes import CLOSES, ENDS, ERRORS, REJECTIONS
from finalex.reference.forms import Channel, Method, Schema
from finalex.reference.limits import limits_of
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.methods import ALWAYS, METHODS
from finalex.reference.schemas import Schemas, build_schemas
from finalex.reference.servers import SERVERS, WELL_KNOWN_PORT
from finalex.settings.markets import written

VERSION: Final = "3.0.0"

CONNECTION: Final = "connection"
TRADING: Final = "trading"
"""The two channels of the document that are no channels of the protocol: requests that belong to none."""

_DESCRIPTION: Final = (
    "Real-time market data, orders and account updates of an exchange, over one WebSocket connection. All channels "
    "have one address: what flows is chosen with `subscribe`. Every message is one JSON object in a text frame. Money "
    "and amounts are decimal text, times are milliseconds since 1970 (UTC)."
)

_VERBS: Final = {"subscribe": "Subscribe to", "unsubscribe": "Unsubscribe from"}

_SCHEMA: Final = "#/components/schemas/{name}"

_CREDENTIALS: Final = {
    "token": {"type": "httpApiKey", "in": "query", "name": "token", "description": "A JSON Web Token."},
    "apiKey": {"type": "httpApiKey", "in": "query", "name": "api_key", "description": "An API key."},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "apiKeyHeader": {"type": "httpApiKey", "in": "header", "name": "X-API-Key"},
}

_HANDSHAKE: Final = {
    "ws": {
        "method": "GET",
        "query": {
            "type": "object",
            "properties": {
                "token": {"type": "string", "description": "A JSON Web Token; give this or an API key."},
                "api_key": {"type": "string", "description": "An API key."},
            },
        },
        "bindingVersion": "0.1.0",
    }
}


def asyncapi_document(config: Config) -> dict[str, Any]:
    """Return the document for a server with `config`; it depends on nothing else."""
    schemas = build_schemas(_SCHEMA)
    messages = dict(_server_messages(schemas)) | dict(_client_messages(schemas))
    document = {
        "asyncapi": VERSION,
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": _servers(config),
        "channels": dict(_channels()),
        "operations": dict(_operations()),
        "components": {
            "messages": messages,
            "schemas": schemas.shared,
            "securitySchemes": _CREDENTIALS,
            "channelBindings": {"handshake": _HANDSHAKE},
        },
        **_tables(config),
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _info() -> dict[str, Any]:
    return {
        "title": "Finalex WebSocket API",
        "version": __version__,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _servers(config: Config) -> dict[str, Any]:
    port = config.port or WELL_KNOWN_PORT
    return {
        server.name: {
            "host": server.host.format(port=port),
            "protocol": server.protocol,
            "pathname": "/",
            "description": server.meaning,
        }
        for server in SERVERS
    }


def _tables(config: Config) -> dict[str, Any]:
    """Return what AsyncAPI has no place for."""
    return {
        "x-error-codes": [{"code": c, "message": c.message, "meaning": ERRORS[c]} for c in ErrorCode],
        "x-reject-reasons": [{"reason": reason, "meaning": meaning} for reason, meaning in REJECTIONS.items()],
        "x-end-reasons": [{"reason": reason, "meaning": meaning} for reason, meaning in ENDS.items()],
        "x-close-codes": [
            {"code": int(code), "meaning": CLOSES[code], "reconnect": code.reconnect} for code in CloseCode
        ],
        "x-limits": limits_of(config),
        "x-instruments": [written(instrument) for instrument in config.instruments.values()],
    }


# --- messages -------------------------------------------------------------------------------------------


def _server_messages(schemas: Schemas) -> Iterator[tuple[str, Any]]:
    for message in SERVER_MESSAGES.values():
        shown = {
            "name": message.kind,
            "title": message.title,
            "summary": message.summary,
            "payload": schemas.server[message.kind],
            "examples": [{"payload": example} for example in message.examples],
        }
        correlation = {} if message.channel else {"correlationId": {"location": "$message.payload#/id"}}
        yield message.kind, shown | correlation


def _client_messages(schemas: Schemas) -> Iterator[tuple[str, Any]]:
    for method in METHODS.values():
        example = {"id": f"{method.name}_001", "method": method.name} | (
            {"params": method.example} if method.example else {}
        )
        yield request_name(method.name), _request(method.title, method.summary, schemas.client[method.name], example)
    for channel in CHANNELS.values():
        for action, verb in _VERBS.items():
            example = {"id": f"{action}_001", "method": action, "params": channel.example}
            schema = schemas.client[f"{action}_{channel.name}"]
            name = request_name(f"{action}_{channel.name}")
            yield name, _request(f"{verb} {channel.name}", channel.summary, schema, example)


def _request(title: str, summary: str, schema: Schema, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": example["method"],
        "title": title,
        "summary": summary,
        "correlationId": {"location": "$message.payload#/id"},
        "payload": schema,
        "examples": [{"payload": example}],
    }


def request_name(method: str) -> str:
    """Return the name of the message that is a request: no type of a message from the server is written so."""
    return f"{operation_name(method)}Request"


def operation_name(method: str) -> str:
    """Return `method` as operations are written."""
    first, *others = method.split("_")
    return first + "".join(word.capitalize() for word in others)


# --- channels and operations ----------------------------------------------------------------------------


def place_of(method: Method) -> str:
    """Return the channel of the document that `method` is in."""
    return TRADING if method.scope == "trade" else CONNECTION


def _channels() -> Iterator[tuple[str, Any]]:
    own = {place: [each for each in METHODS.values() if place_of(each) == place] for place in (CONNECTION, TRADING)}
    status = ["connection_status", "error"]
    yield (
        CONNECTION,
        _channel(
            "The connection", "Its state, its credentials, its subscriptions.", _with_replies(own[CONNECTION], status)
        ),
    )
    yield TRADING, _channel("Orders", "Placing and canceling orders.", _with_replies(own[TRADING], ["error"]))
    for channel in CHANNELS.values():
        requests = [request_name(f"{method}_{channel.name}") for method in ("subscribe", "unsubscribe")]
        names = [*requests, *channel.messages, "subscribed", "unsubscribed", "error"]
        description = "\n\n".join((f"At once: {channel.at_once}", f"Then: {channel.then}", *channel.notes))
        yield channel.name, _channel(channel.title, channel.summary, names) | {"description": description}


def _with_replies(methods: list[Method], others: list[str]) -> list[str]:
    requests = [request_name(method.name) for method in methods]
    return [*requests, *dict.fromkeys(method.reply for method in methods), *others]


def _channel(title: str, summary: str, messages: Iterable[str]) -> dict[str, Any]:
    return {
        "address": "/",
        "title": title,
        "summary": summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"$ref": "#/components/channelBindings/handshake"},
    }


def _operations() -> Iterator[tuple[str, Any]]:
    yield "sendConnectionStatus", _operation("send", CONNECTION, "Say what happens to it", ["connection_status"])
    for method in METHODS.values():
        yield operation_name(method.name), _method(method)
    for channel in CHANNELS.values():
        for action, verb in _VERBS.items():
            yield operation_name(f"{action}_{channel.name}"), _subscribing(channel, action, f"{verb} {channel.name}")
        sent = _operation("send", channel.name, channel.then, list(channel.messages))
        yield operation_name(f"send_{channel.name}"), sent | _security(private=channel.private)


def _subscribing(channel: Channel, method: str, summary: str) -> dict[str, Any]:
    operation = _operation("receive", channel.name, summary, [request_name(f"{method}_{channel.name}")])
    reply = _reply(channel.name, METHODS[method].reply, METHODS[method].errors)
    return operation | reply | _security(private=channel.private)


def _method(method: Method) -> dict[str, Any]:
    place = place_of(method)
    operation = _operation("receive", place, method.summary, [request_name(method.name)])
    return operation | _reply(place, method.reply, method.errors) | _security(private=bool(method.scope))


def _operation(action: str, channel: str, summary: str, messages: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _reply(channel: str, kind: str, errors: Iterable[ErrorCode]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in (kind, "error")]
    return {
        "reply": {"channel": {"$ref": f"#/channels/{channel}"}, "messages": messages},
        "x-error-codes": [*errors, *ALWAYS],
    }


def _security(*, private: bool) -> dict[str, Any]:
    named = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _CREDENTIALS]
    return {"security": named} if private else {}
