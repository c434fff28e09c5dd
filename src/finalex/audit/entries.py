"""One entry of the audit log: a JSON object on a line, in which no secret is."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from finalex.redaction import MASK, redact_text

TEXT_LENGTH_MAX = 256
"""A longer text is cut: clients choose some of them."""

LIST_LENGTH_MAX = 32

_KEY_ID = re.compile(r"pk_(live|test)_[0-9A-Za-z]{8}", re.ASCII)
"""The public beginning of an API key, by which an operator names it."""


def encode_entry(event: str, now_ms: int, fields: Mapping[str, object]) -> bytes:
    """Return the line for `event`; fields that are `None` are left out."""
    time = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {name: _harmless(value) for name, value in fields.items() if value is not None}
    return msgspec.json.encode({"time": time, "event": event, **told}) + b"\n"


def _harmless(value: object) -> object:
    """Return a value as it may be told: short, and without anything that looks like a credential."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(item) for item in list(value)[:LIST_LENGTH_MAX]]
    text = str(value)
    if _KEY_ID.fullmatch(text):
        return text
    cut = text[: 4 * TEXT_LENGTH_MAX]
    masked = redact_text(cut).encode("utf-8", errors="backslashreplace").decode()
    return masked[:TEXT_LENGTH_MAX] if len(text) <= 4 * TEXT_LENGTH_MAX else MASK
