"""Envelopes: what was written is read, and anything else is refused."""

import msgspec
import pytest

from finalex.log.jetstream import envelope as envelopes
from finalex.log.jetstream.envelope import WRITER_LENGTH_MAX, Envelope, decode, encode, parse
from finalex.log.port import LogDamagedError, LogError
from finalex.log.records import Entry, encode_batch, pack
from finalex.model.events import BookWithdrawn
from log.jetstream.written import message
from log.opened import event

RECORD = pack([Entry(8, 100, encode_batch(1, [event(1)])), Entry(9, 130, encode_batch(30, ()))], 7)


def test_an_envelope_is_read_as_it_was_written() -> None:
    written = Envelope("engine-1", True, 2**63, RECORD)
    data = encode(written)
    stored = decode(data, 5)

    assert parse(data, 5) == written
    assert (stored.stream_sequence, stored.writer, stored.leaving, stored.position) == (5, "engine-1", True, 2**63)
    assert (stored.previous, stored.sequence, stored.time_ms) == (7, 9, 130)
    assert [(batch.sequence, batch.time_ms, batch.events) for batch in stored.batches] == [
        (8, 100, (event(1),)),
        (9, 130, ()),
    ]


def test_every_changed_bit_is_found() -> None:
    data = encode(Envelope("w", False, 3, RECORD))
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LogError, match=r"damaged at message 17|Message 17 of the log .* a newer release"):
            decode(bytes(changed), 17)


def test_a_message_that_is_cut_off_is_damaged() -> None:
    data = encode(Envelope("w", False, 3, RECORD))
    for size in range(len(data)):
        with pytest.raises(LogDamagedError, match="at message 17"):
            decode(data[:size], 17)


def test_a_message_of_something_else_is_damaged() -> None:
    with pytest.raises(LogDamagedError, match="at message 3: this is no message of a log"):
        parse(b'{"event": "hello"}', 3)


def test_a_message_that_leaves_out_sequences_is_damaged() -> None:
    skipping = pack([Entry(9, 1, encode_batch(1, ()))], 7)
    with pytest.raises(LogDamagedError, match="sequences do not fit together"):
        decode(encode(Envelope("w", False, 0, skipping)), 1)


def test_a_message_of_a_newer_release_is_refused_and_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "VERSION", 2)
    newer = message(0, [event(1)])
    monkeypatch.setattr(envelopes, "VERSION", 1)

    with pytest.raises(
        LogError, match=r"Message 4 .* a newer release \(version 2, this one reads up to 1\)"
    ) as refused:
        decode(newer, 4)
    assert not isinstance(refused.value, LogDamagedError)


def test_a_field_that_the_next_release_adds_to_an_event_is_skipped() -> None:
    newer = [*msgspec.to_builtins(event(1)), "a new field", 5]
    encoded = msgspec.msgpack.encode((1, [newer]))
    stored = decode(encode(Envelope("w", False, 0, pack([Entry(1, 1, encoded)], 0))), 1)

    assert stored.batches[0].events == (BookWithdrawn(symbol="BTC/USDT", reason="test", time_ms=1),)


@pytest.mark.parametrize("name", ["", "x" * (WRITER_LENGTH_MAX + 1), "Zoë"])
def test_a_writer_has_a_short_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"characters|ascii"):
        encode(Envelope(name, False, 0, RECORD))
