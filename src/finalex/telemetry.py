"""Log lines: structlog and the standard library's logging, through one redacting formatter, on standard error."""

import logging
import sys
from collections.abc import MutableMapping, Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from finalex.redaction import redact

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(level: str, log_format: str, node: str | None = None) -> None:
    """Send everything from `level` (one of `LEVELS`) up to standard error, in one of `FORMATS`.

    Every line says which `node` wrote it, if that has a name. Calling it again replaces what an earlier call
    configured. Lines that cannot be written are lost silently: a server outlives the reader of its log.
    """
    handler = _Handler(sys.stderr)
    shared = [*_SHARED, _named(node)] if node else _SHARED
    handler.setFormatter(_formatter(log_format, handler.stream, shared))
    root = logging.getLogger()
    for earlier in [kept for kept in root.handlers if isinstance(kept, _Handler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # so that a later configuration counts for every logger
    )


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the standard library's name)
        """Lose the line."""


def _named(node: str) -> Processor:
    def name(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry.setdefault("node", node)
        return entry

    return name


def _formatter(log_format: str, stream: TextIO, shared: Sequence[Processor]) -> logging.Formatter:
    text = log_format == "text"
    renderer: Processor
    if text:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            *([_escape] if text else []),
            renderer,
        ],
    )


def _escape(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape control characters, so that nobody's input forges a line or reaches the terminal."""
    return {key: value if key == "exception" else _escaped(value) for key, value in entry.items()}


def _escaped(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return value
