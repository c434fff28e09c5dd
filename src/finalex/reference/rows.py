"""The rows of tables that tell fields and parameters, read from the JSON Schemas."""

from collections.abc import Iterator
from typing import Final

from finalex.model.decimals import format_units
from finalex.model.instruments import Instruments
from finalex.model.orders import EndReason
from finalex.model.rejects import RejectReason
from finalex.protocol.errors import ErrorCode
from finalex.reference.fields import DECIMAL, SYMBOL, field_of
from finalex.reference.forms import Channel, Schema
from finalex.reference.schemas import Schemas
from finalex.settings.markets import written

Row = tuple[str, str, str]

FIELD_HEAD: Final = ("field", "type", "meaning")
PARAMETER_HEAD: Final = ("parameter", "type", "meaning")
MARKET_HEAD: Final = ("market", "price", "quantity", "least price × quantity", "fees of maker and taker")

_PPM_DECIMALS: Final = 4
"""Parts per million are percent with so many decimals."""

_ELSEWHERE: Final = {
    tuple(map(str, ErrorCode)): "One of the [error codes](#error-codes).",
    tuple(map(str, RejectReason)): "One of the [reasons](#refused-orders).",
    tuple(map(str, (*RejectReason, *EndReason))): "One of the [reasons](#refused-orders) or [ends](#ends-of-orders).",
}
"""Lists of values that have a table of their own."""


def field_rows(schemas: Schemas, name: str, prefix: str = "") -> Iterator[Row]:
    """Yield a row for each field of the struct called `name`, and of those within it."""
    struct = schemas.shared[name]
    for key, schema in struct["properties"].items():
        optional = key not in struct.get("required", ())
        within = _struct_within(schema)
        meaning = " ".join(filter(None, (field_of(name, key).meaning, _values(schema))))
        yield f"`{prefix}{key}`", _type(schema) + (", optional" if optional else ""), meaning
        if within:
            yield from field_rows(schemas, within, f"{prefix}{key}{'[]' if 'items' in schema else ''}.")


def parameter_rows(channel: Channel) -> Iterator[Row]:
    """Yield a row for each parameter of a subscription to `channel`."""
    for each in channel.parameters:
        meaning = " ".join(filter(None, (each.meaning, _values(each.schema), _default(each.schema))))
        yield f"`{each.name}`", _type(each.schema) + ("" if each.required else ", optional"), meaning


def market_rows(instruments: Instruments) -> Iterator[tuple[str, ...]]:
    """Yield a row for each market: what its orders may be, and what they cost."""
    for instrument in instruments.values():
        told = written(instrument)
        yield (
            f"`{instrument.symbol}`",
            f"{told['price_min']} to {told['price_max']}, in steps of {told['tick_size']}",
            f"{told['quantity_min']} to {told['quantity_max']}, in steps of {told['lot_size']}",
            f"{told['notional_min']} {instrument.quote}",
            f"{_percent(instrument.maker_fee_ppm)} and {_percent(instrument.taker_fee_ppm)}",
        )


def _percent(ppm: int) -> str:
    return f"{format_units(ppm, _PPM_DECIMALS).rstrip('0').removesuffix('.')} %"


def _struct_within(schema: Schema) -> str:
    """Return the name of the struct that a field holds, one or a list of them; empty if it holds none."""
    reference: str = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
    return reference.rpartition("/")[2]


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return "object"
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_word(kind, schema) for kind in types)


def _word(kind: str, schema: Schema) -> str:
    if kind == "array":
        return f"list of {_plural(schema['items'])}"
    if kind == "string" and schema.get("pattern") == DECIMAL["pattern"]:
        return "decimal text"
    if kind == "string" and schema.get("pattern") == SYMBOL["pattern"]:
        return "symbol"
    return {"string": "text", "boolean": "true or false", "integer": "integer"}.get(kind, kind)


def _plural(items: Schema) -> str:
    return "objects" if "$ref" in items else {"string": "texts", "array": "lists"}[items["type"]]


def _values(schema: Schema) -> str:
    """Return the sentence that tells the allowed values, if the type does not."""
    values = schema.get("enum") or schema.get("items", {}).get("enum")
    if values:
        return _ELSEWHERE.get(tuple(values)) or f"One of {', '.join(f'`{value}`' for value in values)}."
    if "maximum" in schema:
        return f"From {schema['minimum']} to {schema['maximum']}."
    if "maxLength" in schema and "string" in schema["type"]:
        return f"At most {schema['maxLength']} characters."
    return ""


def _default(schema: Schema) -> str:
    default = schema.get("default")
    return "" if default is None else f"If missing: `{str(default).lower() if isinstance(default, bool) else default}`."
