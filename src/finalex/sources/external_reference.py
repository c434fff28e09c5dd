"""The schema of an external engine's messages, commands and answers, written from the code that reads them."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, get_args

import msgspec

from finalex.model.events import Event
from finalex.sources.external_commands import ANSWERS, FITTING, REQUESTS, Answer, AnyAnswer, CommandRequest
from finalex.sources.external_events import KINDS, WIRE_NAMES, Message, wire_fields

_EVENT_TEXTS: Mapping[str, str] = {
    "order_accepted": "An order entered, and its account has reserved what it may have to pay.",
    "order_rejected": "An order was refused; optional, as an answer can say so, too.",
    "order_rested": "What is left of an order joined the book, behind all others at its price. Market of orders.",
    "order_ended": "An open order ended without being filled wholly.",
    "traded": "A trade. In a market of orders it names both; in a market of levels it names none.",
    "book_reset": "The whole book, best level first on both sides. It makes a market one of levels.",
    "levels_changed": "Levels changed together. If they cross the rest, the book is withdrawn. Market of levels.",
    "book_withdrawn": "The book is not known until the next `book_reset`. It makes a market one of levels.",
    "order_waits": "What is left of an order waits; the levels tell it already, or not. Market of levels.",
    "order_filled": "An order was filled; `traded` tells the public, if it was a public trade. Market of levels.",
    "credited": "An account received something from outside; it exists from its first credit.",
    "debited": "Something left an account for outside.",
    "market_state_changed": "A market is in another state, or in the same for another reason.",
}

_FIELD_TEXTS: Mapping[str, str] = {
    "order": "The order's number, less than 2^62; a new order's is greater than that of every order before.",
    "user": "The account: the user of its tokens and API keys, 1 to 64 printable ASCII characters without spaces.",
    "symbol": "One of the configured markets.",
    "side": "The order's side; of a trade, the taker's.",
    "type": "How the order is priced.",
    "time_in_force": "How long the order lives.",
    "post_only": "Whether it may only add to the book.",
    "price": "On the market's tick, within its bounds; `0` for a market order. A trade has the maker's.",
    "quantity": "Whole lots. Of an order that rests, waits or ends: all that is left of it.",
    "locked": "What is reserved: price × quantity of the quote for a buy, the quantity for a sell, "
    "and for a market buy exactly what its trades cost.",
    "client_order_id": "The client's own id; no other open order of the account has it.",
    "reason": "Why.",
    "rested": "Whether the quantity was in the book until now, as `order_rested` put it there.",
    "trade": "Grows by exactly 1 per symbol, from 1; fills of a market of levels are counted apart.",
    "maker_order": "The order that was in the book; left out in a market of levels.",
    "taker_order": "The order that met it; left out in a market of levels.",
    "taker": "The taker's user; left out in a market of levels.",
    "maker_fee": "Taken from what the maker receives: base for a buy, quote for a sell.",
    "taker_fee": "The same of the taker.",
    "fee": "Taken from what the order receives: base for a buy, quote for a sell.",
    "bids": "From the highest price down.",
    "asks": "From the lowest price up, above all bids.",
    "changes": "The new total quantity at a price; `0` removes the level.",
    "maker": "Whether the order had waited.",
    "currency": "A currency of some market.",
    "amount": "More than 0.",
    "reference": "What makes it unique among the account's credits and debits.",
    "state": "What the market takes.",
}

_MAKER_TEXTS = {"traded": "The maker's user; left out in a market of levels."}


def schema_tables() -> str:
    """Return every event, command and answer as tables in Markdown."""
    return "\n".join([*_events(), *_commands(), *_answers()])


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a message, of the commands and of the answers."""
    (message, *_), components = msgspec.json.schema_components([Message, *REQUESTS, AnyAnswer])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **message, "$defs": components}


def _events() -> Iterable[str]:
    yield "### Events\n"
    for event, name in WIRE_NAMES.items():
        yield f"#### `{name}`\n\n{_EVENT_TEXTS[name]}\n"
        yield "| field | is | |\n| --- | --- | --- |"
        for field in wire_fields(event):
            optional = "" if field.required else "Optional. "
            yield f"| `{field.name}` | {_event_type(event, field)} | {optional}{_event_text(name, field.name)} |"
        yield ""


def _event_text(event: str, field: str) -> str:
    return _MAKER_TEXTS.get(event, _FIELD_TEXTS[field]) if field == "maker" else _FIELD_TEXTS[field]


def _event_type(_event: type[Event], field: msgspec.structs.FieldInfo) -> str:
    kind = KINDS.get(field.name)
    return _type(field.type) if kind is None else kind.shown


def _commands() -> Iterable[str]:
    yield "### Commands\n"
    for request in REQUESTS:
        tags = [f"`{answer.__struct_config__.tag}`" for answer in FITTING[request]]
        yield f"#### `{request.__struct_config__.tag}`\n\n{_sentence(request)} Answers: {', '.join(tags)}.\n"
        yield from _fields(request, skipped=CommandRequest)


def _answers() -> Iterable[str]:
    yield "### Answers\n"
    for answer in ANSWERS:
        yield f"#### `{answer.__struct_config__.tag}`\n\n{_sentence(answer)}\n"
        yield from _fields(answer, skipped=Answer)


def _fields(shape: type[msgspec.Struct], skipped: type[msgspec.Struct]) -> Iterable[str]:
    known = {field.name for field in msgspec.structs.fields(skipped)}
    fields = [field for field in msgspec.structs.fields(shape) if field.name not in known]
    if fields:
        yield "| field | is |\n| --- | --- |"
        for field in fields:
            optional = "" if field.required else " (optional)"
            yield f"| `{field.name}` | {_type(field.type)}{optional} |"
        yield ""


def _sentence(shape: type[msgspec.Struct]) -> str:
    return " ".join((shape.__doc__ or "").split())


def _type(shape: Any) -> str:
    """Return what a table calls a type."""
    if isinstance(shape, type) and issubclass(shape, Enum):
        return ", ".join(f"`{member.value}`" for member in shape)
    plain = {str: "text", int: "integer", bool: "true or false", type(None): "null"}
    if shape in plain:
        return plain[shape]
    parts = get_args(shape)
    if getattr(shape, "__metadata__", None):
        return _type(parts[0])
    if getattr(shape, "__origin__", None) is list:
        return f"array of {_type(parts[0])}s"
    return " or ".join(_type(part) for part in parts)
