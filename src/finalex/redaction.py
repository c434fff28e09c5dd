"""Redaction: credentials never reach a log line, wherever in an entry they hide."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "***"
DEPTH_MAX = 8
"""Values nested deeper are written as one text."""

_NAMES = r"token|api[_-]?key|secret|authorization|password|cookie"
_KEY = re.compile(rf"(.*[_-])?({_NAMES})", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"\?[^\s'\"<>=]+=[^\s'\"<>]*"), f"?{MASK}"),  # the query of a URL
    (re.compile(r"\beyJ[\w-]*\.[\w-]+(\.[\w-]*)?"), MASK),  # a JSON Web Token
    (re.compile(r"\bpk_(live|test)_\w+"), rf"pk_\1_{MASK}"),
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",]+", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(rf"\b((?:\w+_)?(?:{_NAMES})['\"]?\s*[=:]\s*['\"]?)(?!{re.escape(MASK)})[^\s'\"&,;}})\]]+", re.I),
        rf"\1{MASK}",
    ),
)


def redact(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every credential in a log entry; a processor of structlog, to be the last before the renderer."""
    return {key: _redact_item(key, value, DEPTH_MAX) for key, value in entry.items()}


def redact_text(text: str) -> str:
    """Return `text` with everything that looks like a credential, and the query of every URL, masked."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _redact_item(key: object, value: object, depth: int) -> object:
    name = key.decode("latin-1") if isinstance(key, bytes) else str(key)
    return MASK if _KEY.fullmatch(name) and value is not None else _redact(value, depth)


def _redact(value: object, depth: int) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping() if depth:
            return {redact_text(str(key)): _redact_item(key, item, depth - 1) for key, item in value.items()}
        case (str() | bytes() as key, item) if depth:  # a header, perhaps
            return [_redact(key, depth - 1), _redact_item(key, item, depth - 1)]
        case list() | tuple() | set() | frozenset() if depth:
            return [_redact(item, depth - 1) for item in value]
        case str():
            return redact_text(value)
        case _:
            return redact_text(repr(value))
