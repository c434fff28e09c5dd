"""What gateways and engines send each other: commands, many a message, and their outcomes.

The messages are JSON, because amounts may be longer than the 64 bits that msgpack has. A new field of a later release
is passed over by an earlier one.

A gateway publishes a `CommandBatch` to `Names.commands(writer)`, with the `writer` of the last record that it has read,
so that only the engine it means carries it out. The engine does nothing with a command once its deadline has passed.
It publishes an `OutcomeBatch` to `reply_to` when everything in it is durable; where that takes different batches of
the log, as several messages. There is no promise that any message arrives, or arrives once: a gateway that has no
answer finds out by the log, and takes the first answer of two.
"""

from typing import NamedTuple

import msgspec

from finalex.exchange.outcomes import Outcome
from finalex.model.commands import Command

COMMANDS_PER_MESSAGE_MAX = 500
"""More are sent as several messages; an order has 300 to 1000 bytes, and NATS by itself takes 1 MiB."""


class WireError(ValueError):
    """A message is not one of ours; the text is a sentence for the operator."""


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True, tag_field="command"):
    """Let `user`, who has logged in, have an account, with its demo balances; its outcome is `Done`."""

    user: str


class SentCommand(NamedTuple):
    """A command under way: its number at its gateway, and the wall-clock time after which nobody carries it out."""

    number: int
    deadline_ms: int
    command: Command | OpenAccount


class CommandBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Commands of one gateway, to be carried out in their order; `gateway` is its name, for those who look on."""

    gateway: str
    reply_to: str
    items: list[SentCommand]


class SentOutcome(NamedTuple):
    """What became of the command with this number."""

    number: int
    outcome: Outcome


class OutcomeBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes, and the batch `sequence` of the log with which all that led to them is durable.

    What is not there counts too: an order is not found after that batch. 0 if nothing was carried out.
    """

    sequence: int
    items: list[SentOutcome]


_encoder = msgspec.json.Encoder()
_commands = msgspec.json.Decoder(CommandBatch)
_outcomes = msgspec.json.Decoder(OutcomeBatch)


def encode_commands(batch: CommandBatch) -> bytes:
    """Return `batch` as it travels."""
    return _encoder.encode(batch)


def decode_commands(data: bytes) -> CommandBatch:
    """Return what `encode_commands` was given; raises `WireError`."""
    try:
        return _commands.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A message that should have commands cannot be understood: {error}.") from None


def encode_outcomes(batch: OutcomeBatch) -> bytes:
    """Return `batch` as it travels."""
    return _encoder.encode(batch)


def decode_outcomes(data: bytes) -> OutcomeBatch:
    """Return what `encode_outcomes` was given; raises `WireError`."""
    try:
        return _outcomes.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"A message that should have outcomes cannot be understood: {error}.") from None
