"""Every first byte that a frame can have, masked and not: nothing that picows lets through gets past us."""

from itertools import product

import pytest

from finalex.gateway.assembler import FRAGMENTS_MAX
from support.served import Served, serve
from support.sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame

PAYLOADS = {TEXT: b'{"method": "ping"}', CLOSE: (1000).to_bytes(2, "big")}
COMPRESSION = "Sec-WebSocket-Extensions: permessage-deflate"


def close_code(opcode: int, reserved: int, *, final: bool, masked: bool) -> int:
    """Return how the connection ends by RFC 6455 when the frame is the first and a close follows."""
    if not masked or reserved or opcode not in (TEXT, BINARY, CLOSE, PING, PONG):
        return 1002
    if opcode in (CLOSE, PING, PONG) and not final:
        return 1002
    return 1003 if opcode == BINARY else 1000


async def ends_with(served: Served, *frames: bytes, headers: tuple[str, ...] = ()) -> int:
    """Send the frames and a close, and return the code that comes back."""
    async with await served.connect("/", *headers) as client:
        client.send(b"".join(frames))
        client.send_close()
        code = await client.close_code()
        assert await client.ended()
        return code


@pytest.mark.parametrize("opcode", range(16))
async def test_every_first_byte_ends_as_the_standard_says(opcode: int) -> None:
    payload = PAYLOADS.get(opcode, b"")
    async with serve() as served:
        for reserved, final, masked in product(range(8), (True, False), (True, False)):
            frame = client_frame(opcode, payload, final=final, reserved=reserved, masked=masked)
            expected = close_code(opcode, reserved, final=final, masked=masked)
            assert await ends_with(served, frame) == expected, (reserved, final, masked)
        assert not served.metrics.failures


@pytest.mark.parametrize("opcode", [CONTINUATION, CLOSE, PING, PONG])
async def test_compression_marks_the_first_frame_of_a_message_and_nothing_else(opcode: int) -> None:
    async with serve(compression=True) as served:
        begun = client_frame(TEXT, b"", final=False) if opcode == CONTINUATION else b""
        marked = client_frame(opcode, PAYLOADS.get(opcode, b""), reserved=4)
        assert await ends_with(served, begun, marked, headers=(COMPRESSION,)) == 1002


@pytest.mark.parametrize("length", [b"\x7f" + (2**63).to_bytes(8, "big"), b"\x7f" + (2**64 - 1).to_bytes(8, "big")])
async def test_a_length_of_more_than_63_bits_is_none(length: bytes) -> None:
    async with serve() as served:
        assert await ends_with(served, b"\x81" + bytes([length[0] | 0x80]) + length[1:] + b"\x00" * 4) == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
@pytest.mark.parametrize("length", [126, 127])
async def test_a_control_frame_has_no_long_length(opcode: int, length: int) -> None:
    size = 2 if length == 126 else 8
    frame = bytes([0x80 | opcode, 0x80 | length]) + (126).to_bytes(size, "big") + b"\x00" * (4 + 126)
    async with serve() as served:
        assert await ends_with(served, frame) == 1002


async def test_only_so_many_fragments_make_a_message() -> None:
    async with serve() as served:
        first, more = client_frame(TEXT, b"", final=False), client_frame(CONTINUATION, b"", final=False)
        assert await ends_with(served, first, more * (FRAGMENTS_MAX - 1)) == 1000
        assert await ends_with(served, first, more * FRAGMENTS_MAX) == 1008


async def test_and_the_setting_says_how_many() -> None:
    async with serve(fragments_max=2) as served:
        first, more = client_frame(TEXT, b"", final=False), client_frame(CONTINUATION, b"", final=False)
        assert await ends_with(served, first, more) == 1000
        assert await ends_with(served, first, more, more) == 1008


@pytest.mark.parametrize("second", [b"", b"\x03\xe9", b"\x03", b"\x00\x00"])
async def test_a_second_close_changes_nothing(second: bytes) -> None:
    async with serve() as served, await served.connect() as client:
        client.send_close(1000)
        client.send_frame(CLOSE, second)
        assert await client.close_code() == 1000
        assert await client.ended()
        assert served.metrics.closes == {"1000": 1}


async def test_text_is_refused_in_the_fragment_in_which_it_stops_being_utf8() -> None:
    async with serve() as served, await served.connect() as client:
        client.send_frame(TEXT, "κόσμε".encode()[:3], final=False)
        client.send_frame(CONTINUATION, b"\xed\xa0", final=False)  # half of a surrogate
        assert await client.close_code() == 1007
