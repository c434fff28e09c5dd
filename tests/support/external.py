"""External engines for tests: events as their messages have them, and a log and a stream in memory that can crash."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from finalex.model.decimals import AMOUNT_DECIMALS, format_units
from finalex.model.events import AnyEvent, Batch
from finalex.model.instruments import Instruments
from finalex.sources.external_events import JSON, KINDS, VERSION, WIRE_NAMES, wire_fields
from finalex.sources.external_port import EventMessage, InputMissingError
from finalex.testing import FailingLog

_AMOUNT = KINDS["amount"]


def written(event: AnyEvent, instruments: Instruments) -> dict[str, Any]:
    """Return `event` as a message has it."""
    instrument = instruments.get(getattr(event, "symbol", ""))
    fields: dict[str, Any] = {"event": WIRE_NAMES[type(event)]}
    for field in wire_fields(type(event)):
        value = getattr(event, field.name)
        if KINDS.get(field.name) is _AMOUNT:
            value = format_units(value, AMOUNT_DECIMALS)
        elif field.name == "price":
            value = instrument.price_text(value) if instrument else str(value)
        elif field.name == "quantity":
            value = instrument.quantity_text(value) if instrument else str(value)
        elif field.name in ("bids", "asks") and instrument:
            value = [[instrument.price_text(price), instrument.quantity_text(quantity)] for price, quantity in value]
        elif field.name == "changes" and instrument:
            value = [
                [s, instrument.price_text(price), instrument.quantity_text(quantity)] for s, price, quantity in value
            ]
        fields[field.name] = value
    return fields


def message(events: Sequence[dict[str, Any]], time_ms: int) -> bytes:
    """Return a message of an external engine."""
    return msgspec.json.encode({"version": VERSION, "time_ms": time_ms, "events": events})


class PositionedLog(FailingLog):
    """A log in memory that keeps with every batch the position that it was appended with."""

    def __init__(self, kept: Iterable[Batch] = (), positions: dict[int, int] | None = None) -> None:
        super().__init__(kept)
        self.positions = dict(positions or {})
        self.position = self.positions.get(self.sequence, 0)

    def append(self, events: Iterable[AnyEvent], time_ms: int) -> Batch:
        batch = super().append(events, time_ms)
        self.positions[batch.sequence] = self.position
        return batch

    def crashed(self) -> "PositionedLog":
        """Return the log as the next writer finds it: without what waits."""
        stored = list(self.read(0))
        return PositionedLog(stored, {batch.sequence: self.positions[batch.sequence] for batch in stored})

    @property
    def happened(self) -> list[tuple[AnyEvent, ...]]:
        """What is stored, without the batches that only say that time has passed."""
        return [batch.events for batch in self.read(0) if batch.events]


class StoredMessages:
    """The stream of an external engine, and what was set aside of it, in memory."""

    def __init__(self, piece: int = 4) -> None:
        self.messages: list[EventMessage] = []
        self.dead: OrderedDict[int, str] = OrderedDict()
        self.forgotten = 0
        self.closed = False
        self.failures: list[Exception] = []
        self._piece = piece
        self._published = asyncio.Event()

    def publish(self, data: bytes, content_type: str = JSON) -> int:
        sequence = len(self.messages) + 1
        self.messages.append(EventMessage(sequence, content_type, "test", data))
        self._published.set()
        return sequence

    async def read(self, after: int) -> list[EventMessage]:
        if self.failures:
            raise self.failures.pop(0)
        if after < self.forgotten:
            raise InputMissingError("gone")
        self._published.clear()
        if after == len(self.messages):
            await self._published.wait()
        piece = self.messages[after : after + self._piece]
        return [each._replace(pending=len(self.messages) - each.sequence) for each in piece]

    async def set_aside(self, message: EventMessage, reason: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.dead.setdefault(message.sequence, reason)

    async def forget(self, sequence: int) -> None:
        self.forgotten = sequence

    async def close(self) -> None:
        self.closed = True
