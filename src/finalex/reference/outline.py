"""The whole reference for people, block by block."""

from collections.abc import Iterable, Iterator
from typing import Final

from finalex import __version__
from finalex.config import Config
from finalex.model.instruments import Instruments
from finalex.protocol.errors import CloseCode, ErrorCode
from finalex.reference.blocks import Block, Code, Heading, Table, Text, Trial, json_code, one_line
from finalex.reference.channels import CHANNELS
from finalex.reference.codes import CLOSES, ENDS, ERRORS, REJECTIONS
from finalex.reference.fields import field_of
from finalex.reference.forms import Channel, Limit, Method, ServerMessage
from finalex.reference.limits import limits_of
from finalex.reference.messages import SERVER_MESSAGES
from finalex.reference.methods import ALWAYS, METHODS, SUBSCRIBING
from finalex.reference.rows import FIELD_HEAD, MARKET_HEAD, PARAMETER_HEAD, field_rows, market_rows, parameter_rows
from finalex.reference.schemas import Schemas, build_schemas
from finalex.reference.servers import SERVERS, WELL_KNOWN_PORT

_INTRODUCTION: Final = (
    "Everything that can be sent and received over the one WebSocket address, made from the types that the server "
    "itself uses. The same for programs is the AsyncAPI document that it serves at `/asyncapi.json`."
)

_CONNECTING: Final = (
    "Connect, send JSON requests as text frames, and get JSON messages as text frames. Without credentials a "
    "connection has the public channels; the private ones take the scope `read`, orders take `trade`."
)

_CREDENTIALS: Final = (
    ("`?token=<JWT>` in the address", "a JSON Web Token (HS256, RS256, ES256 or EdDSA) with `sub`, `exp` and `scope`"),
    ("`?api_key=<key>` in the address", "an API key"),
    ("the header `Authorization: Bearer <JWT>`", "a JSON Web Token"),
    ("the header `X-API-Key: <key>`", "an API key"),
    ("the request `auth`", "either of them, on an open connection; it also replaces a token before it expires"),
)

_REQUESTING: Final = (
    "A request is an object with `id` (text or a number; it comes back in the reply), `method` and `params`. It is "
    "answered with its reply or with an `error`."
)

_ENVELOPE: Final = (
    "Every message from the server is an object. Money and amounts are decimal text with the instrument's own number "
    "of decimals. Later versions may add fields: ignore those you do not know."
)

_RECONNECTING: Final = (
    "Where the table says that coming back makes sense, wait 1 second first, twice as long after each failure, at most "
    "30 seconds; or `reconnect_after_ms`, where the server has named it."
)


def reference(config: Config) -> list[Block]:
    """Return the reference of a server with `config`."""
    schemas = build_schemas()
    return [
        Heading(1, "API reference", "reference"),
        Text(_INTRODUCTION),
        Text(f"Version {__version__}."),
        *_connecting(schemas),
        *_channels(schemas),
        *_requests(schemas),
        *_codes(schemas),
        *_markets(config.instruments),
        *_limits(limits_of(config)),
    ]


# --- connection -----------------------------------------------------------------------------------------


def _connecting(schemas: Schemas) -> Iterator[Block]:
    yield Heading(2, "Connecting", "connecting")
    yield Text(_CONNECTING)
    rows = ((server.name, f"`{server.url(WELL_KNOWN_PORT)}`", server.meaning) for server in SERVERS)
    yield Table(("place", "address", "meaning"), tuple(rows))
    yield Heading(3, "Credentials", "credentials")
    yield Table(("where", "what"), _CREDENTIALS)
    yield Heading(3, "Messages", "messages")
    yield Text(_ENVELOPE)
    yield Table(FIELD_HEAD, tuple(_envelope_rows()))
    yield from _message(schemas, SERVER_MESSAGES["connection_status"], 3)


def _envelope_rows() -> Iterator[tuple[str, str, str]]:
    types = {"id": "text or number", "type": "text", "channel": "text, optional", "data": "object"}
    for name in ("id", "type", "channel", "data", "timestamp"):
        yield f"`{name}`", types.get(name, "integer"), field_of("Message", name).meaning


# --- channels -------------------------------------------------------------------------------------------


def _channels(schemas: Schemas) -> Iterator[Block]:
    yield Heading(2, "Channels", "channels")
    rows = (
        (f"[`{each.name}`](#channel-{each.name})", "private" if each.private else "public", each.summary)
        for each in CHANNELS.values()
    )
    yield Table(("channel", "kind", "what it is"), tuple(rows))
    for channel in CHANNELS.values():
        yield from _channel(schemas, channel)
    yield Heading(3, "Replies", "replies")
    for kind in ("subscribed", "unsubscribed"):
        yield from _message(schemas, SERVER_MESSAGES[kind], 4)


def _channel(schemas: Schemas, channel: Channel) -> Iterator[Block]:
    yield Heading(3, channel.title, f"channel-{channel.name}")
    who = " Takes credentials with the scope `read`." if channel.private else ""
    yield Text(channel.summary + who)
    request = {"id": "sub_001", "method": "subscribe", "params": channel.example}
    yield json_code(request)
    if channel.parameters:
        yield Table(PARAMETER_HEAD, tuple(parameter_rows(channel)))
    yield Text(f"At once: {_lowered(channel.at_once)} Then: {_lowered(channel.then)}")
    yield from map(Text, channel.notes)
    yield Trial(channel.name, one_line(request), channel.private)
    for kind in channel.messages:
        yield from _message(schemas, SERVER_MESSAGES[kind], 4)


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _message(schemas: Schemas, message: ServerMessage, level: int) -> Iterator[Block]:
    yield Heading(level, f"`{message.kind}`", f"message-{message.kind}")
    yield Text(message.summary)
    for example in message.examples:
        yield json_code(example)
    for kind in message.data_types:
        yield Table(FIELD_HEAD, tuple(field_rows(schemas, kind.__name__)))


# --- requests -------------------------------------------------------------------------------------------


def _requests(schemas: Schemas) -> Iterator[Block]:
    yield Heading(2, "Requests", "requests")
    yield Text(_REQUESTING)
    rows = (
        (f"[`{each.name}`](#request-{each.name})", f"[`{each.reply}`](#message-{each.reply})", each.summary)
        for each in METHODS.values()
    )
    yield Table(("method", "reply", "what it does"), tuple(rows))
    told = {"subscribed", "unsubscribed"}
    for method in METHODS.values():
        yield from _method(schemas, method)
        if method.reply not in told:
            told.add(method.reply)
            yield from _message(schemas, SERVER_MESSAGES[method.reply], 4)


def _method(schemas: Schemas, method: Method) -> Iterator[Block]:
    yield Heading(3, method.title, f"request-{method.name}")
    who = f" Takes credentials with the scope `{method.scope}`." if method.scope else ""
    yield Text(method.summary + who)
    params = {"params": method.example} if method.example else {}
    yield json_code({"id": f"{method.name}_001", "method": method.name} | params)
    if method.params is not None:
        yield Table(PARAMETER_HEAD, tuple(field_rows(schemas, method.params.__name__)))
    yield from map(Text, method.notes)
    yield Text(f"Errors: {_code_list(method.errors)}.")


def _code_list(codes: Iterable[ErrorCode]) -> str:
    return ", ".join(f"`{code}`" for code in (*codes, *ALWAYS))


# --- codes and limits -----------------------------------------------------------------------------------


def _codes(schemas: Schemas) -> Iterator[Block]:
    yield Heading(2, "Errors", "errors")
    yield from _message(schemas, SERVER_MESSAGES["error"], 3)
    yield Heading(3, "Error codes", "error-codes")
    yield Table(("code", "message", "when"), tuple((f"`{c}`", c.message, ERRORS[c]) for c in ErrorCode))
    yield Text(f"A request to subscribe can get: {_code_list(SUBSCRIBING)}.")
    yield Heading(3, "Refused orders", "refused-orders")
    yield Text("The reasons of `ORDER_REJECTED`, in the order in which they are checked.")
    yield Table(("reason", "rule"), tuple((f"`{reason}`", meaning) for reason, meaning in REJECTIONS.items()))
    yield Heading(3, "Ends of orders", "ends-of-orders")
    yield Text("The `reason` of an order that was accepted and has ended unfilled.")
    yield Table(("reason", "when"), tuple((f"`{reason}`", meaning) for reason, meaning in ENDS.items()))
    yield Heading(2, "Close codes", "close-codes")
    yield Text(_RECONNECTING)
    rows = ((str(int(code)), "yes" if code.reconnect else "no", CLOSES[code]) for code in CloseCode)
    yield Table(("code", "come back unchanged", "meaning"), tuple(rows))


def _markets(instruments: Instruments) -> Iterator[Block]:
    yield Heading(2, "Markets", "markets")
    yield Text(
        "The markets of this server. Fees are taken from what an order receives: base for a buy, quote for a sell."
    )
    yield Table(MARKET_HEAD, tuple(market_rows(instruments)))


def _limits(limits: Iterable[Limit]) -> Iterator[Block]:
    yield Heading(2, "Limits", "limits")
    yield Text("Those that are settings can differ from server to server; these are the ones of this one.")
    rows = (
        (f"`{limit.name}`", f"{limit.value:,} {limit.unit}".strip(), "yes" if limit.setting else "no", limit.meaning)
        for limit in limits
    )
    yield Table(("limit", "value", "a setting", "meaning"), tuple(rows))


_SNIPPET: Final = """\
const ws = new WebSocket("{url}");
ws.onmessage = (event) => console.log(JSON.parse(event.data));
ws.onopen = () => ws.send('{request}');"""


def snippet(trial: Trial) -> Code:
    """Return how a request is tried in the console of a browser."""
    url = f"ws://localhost:{WELL_KNOWN_PORT}/" + ("?token=<the token>" if trial.private else "")
    return Code("javascript", _SNIPPET.format(url=url, request=trial.request))
