"""Records: what a group looks like on disk, and that no bit of it changes unnoticed."""

import random
import zlib

import pytest

from finalex.log.damage import Damage
from finalex.log.records import Entry, Record, encode_batch, pack, unpack
from finalex.model.events import Batch, Traded
from finalex.model.orders import Side
from log.opened import event

TRADE = Traded(symbol="BTC/USDT", trade=7, price=5_000_000, quantity=10, side=Side.SELL, time_ms=1000)
BATCHES = [
    Batch(sequence=11, time_ms=1000, events=(TRADE,)),
    Batch(sequence=12, time_ms=1050, events=()),
    Batch(sequence=13, time_ms=1060, events=(event(1), event(2))),
]


def packed(previous: int = 10) -> Record:
    entries, time_ms = [], 990
    for batch in BATCHES:
        entries.append(Entry(batch.sequence, batch.time_ms, encode_batch(batch.time_ms - time_ms, batch.events)))
        time_ms = batch.time_ms
    return pack(entries, previous)


def test_a_record_holds_its_batches() -> None:
    record = packed()

    assert (record.previous, record.first, record.last, record.time_ms) == (10, 11, 13, 1000)
    assert unpack(record) == BATCHES


def test_a_record_remembers_how_many_sequences_were_skipped_before_it() -> None:
    assert unpack(packed(previous=5)) == BATCHES


def test_the_format_of_version_1_is_still_read() -> None:
    payload = (
        b"\xdd\x00\x00\x00\x02"
        b"\x92\x0a\x91\x9d\xa6Traded\xa8BTC/USDT\x07\xce\x00LK@\x0a\xa4sell\xcd\x03\xe8\x00\x00\xa0\xa0\x00\x00"
        b"\x92\x32\x90"
    )
    head = b"".join(number.to_bytes(8, "big") for number in (12, 11, 10, 1000))
    compressed = zlib.compress(payload, 9)

    record = Record(12, 11, 10, 1000, zlib.crc32(head + compressed), compressed)
    assert unpack(record) == BATCHES[:2]


def test_every_changed_bit_of_a_payload_is_found() -> None:
    record = packed()
    for bit in range(8 * len(record.payload)):
        changed = bytearray(record.payload)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Damage, match="checksum"):
            unpack(record._replace(payload=bytes(changed)))


@pytest.mark.parametrize("field", ["last", "first", "previous", "time_ms", "crc"])
def test_every_changed_number_is_found(field: str) -> None:
    record = packed()
    for bit in range(64):
        with pytest.raises(Damage, match="checksum"):
            unpack(record._replace(**{field: getattr(record, field) ^ 1 << bit}))


@pytest.mark.parametrize("value", [None, "text", 1.5, -1, 2**70])
def test_a_number_of_another_kind_is_found(value: object) -> None:
    with pytest.raises(Damage, match="checksum"):
        unpack(packed()._replace(time_ms=value))  # type: ignore[arg-type]


def sealed(last: int, first: int, previous: int, payload: bytes) -> Record:
    """Return a record with a checksum that fits."""
    head = b"".join(number.to_bytes(8, "big") for number in (last, first, previous, 0))
    return Record(last, first, previous, 0, zlib.crc32(head + payload), payload)


def test_what_fits_its_checksum_and_makes_no_sense_is_refused() -> None:
    empty = zlib.compress(b"\xdd\x00\x00\x00\x00")
    unknown = zlib.compress(b"\xdd\x00\x00\x00\x01\x92\x01\x91\x91\xa6Future")
    for record, reason in (
        (sealed(1, 1, 0, b"no zlib"), "cannot be understood"),
        (sealed(1, 1, 0, zlib.compress(b"\xc1")), "cannot be understood"),
        (sealed(1, 1, 0, unknown), "cannot be understood.*Future"),
        (sealed(0, 1, 0, empty), "do not fit"),
        (sealed(13, 12, 12, packed().payload), "do not fit"),
        (sealed(13, 11, 11, packed().payload), "do not fit"),
    ):
        with pytest.raises(Damage, match=reason):
            unpack(record)


def test_random_bytes_are_refused() -> None:
    chance = random.Random(1)
    for _ in range(200):
        with pytest.raises(Damage):
            unpack(sealed(1, 1, 0, chance.randbytes(chance.randrange(40))))
