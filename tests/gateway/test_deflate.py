"""Compression, checked against zlib, another library, and the examples of RFC 7692."""

import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame as PeerFrame
from websockets.frames import Opcode as PeerOpcode
from websockets.headers import build_extension, parse_extension

from finalex.gateway.deflate import (
    FINAL_BLOCKS_MAX,
    PLAIN_BYTES_MAX,
    WINDOW_BITS,
    InflateError,
    answer_offers,
    deflate_frame,
    inflate,
)
from finalex.gateway.extensions import parse_extensions
from finalex.protocol.errors import CloseCode
from support.sockets import TEXT, Frame, split_frames

BYTES_MAX = 1000
COMPRESSED = 0b100
"""The reserved bits of a compressed frame."""

ALWAYS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

JSON = b'{"id":"trades:BTC/USDT:1","type":"trade","channel":"trades","data":{"symbol":"BTC/USDT","price":"45678.90"}}'

texts = st.text(max_size=3000).map(str.encode) | st.lists(st.sampled_from(JSON.split(b":")), max_size=400).map(b"".join)


def answer(*headers: str) -> str | None:
    return answer_offers(parse_extensions(headers))


def deflated(payload: bytes, *, bits: int = 15, level: int = 6, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Return what a sender with a window of its choice makes of `payload`."""
    deflater = zlib.compressobj(level, wbits=-bits)
    return (deflater.compress(payload) + deflater.flush(flush)).removesuffix(b"\x00\x00\xff\xff")


def refusal(payload: bytes, bytes_max: int = BYTES_MAX) -> CloseCode:
    """Return the code with which a message is refused."""
    with pytest.raises(InflateError) as refused:
        inflate(payload, bytes_max)
    return refused.value.code


class TestOffers:
    @pytest.mark.parametrize(
        ("offer", "expected"),
        [
            ("permessage-deflate", ALWAYS),
            ("permessage-deflate; client_max_window_bits", ALWAYS),
            ("permessage-deflate; client_max_window_bits=8", ALWAYS),
            ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", ALWAYS),
            ("permessage-deflate; server_max_window_bits=15", f"{ALWAYS}; server_max_window_bits=15"),
            ('permessage-deflate; server_max_window_bits="12"', f"{ALWAYS}; server_max_window_bits=12"),
            ("permessage-deflate; server_max_window_bits=9", f"{ALWAYS}; server_max_window_bits=9"),
        ],
    )
    def test_one_that_suits_is_answered(self, offer: str, expected: str) -> None:
        assert answer(offer) == expected

    @pytest.mark.parametrize(
        "parameters",
        [
            "unknown",
            "unknown=1",
            "Server_no_context_takeover",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_max_window_bits; client_max_window_bits=15",
            "server_max_window_bits=12; server_max_window_bits=12",
            "server_max_window_bits",
            *(f"server_max_window_bits={bits}" for bits in ("7", "8", "16", "015", "1e1", "-9", "9.0", "x")),
            *(f"client_max_window_bits={bits}" for bits in ("7", "16", "08", "0", "+9", "x")),
        ],
    )
    def test_one_that_does_not_is_declined(self, parameters: str) -> None:
        assert answer(f"permessage-deflate; {parameters}") is None

    def test_the_first_that_suits_counts(self) -> None:
        offers = [
            "x-other, permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; x",
            "permessage-deflate",
        ]
        assert answer(*offers, "permessage-deflate; server_max_window_bits=10") == ALWAYS
        assert answer("permessage-deflate; server_max_window_bits=10, permessage-deflate") != ALWAYS

    @pytest.mark.parametrize("headers", [[], [""], ["x-webkit-deflate-frame"], ["Permessage-Deflate"]])
    def test_without_one_there_is_no_answer(self, headers: list[str]) -> None:
        assert answer(*headers) is None


server_windows = st.none() | st.integers(8, 15)
client_windows = st.none() | st.just(value=True) | st.integers(9, 15)


class TestAnotherLibrary:
    @given(st.booleans(), st.booleans(), server_windows, client_windows)
    def test_it_takes_every_answer_to_its_offers(
        self, server_no_context: bool, client_no_context: bool, server_bits: int | None, client_bits: int | bool | None
    ) -> None:
        peer = ClientPerMessageDeflateFactory(server_no_context, client_no_context, server_bits, client_bits)
        if server_bits == 8:
            assert answer(offered(peer)) is None
        else:
            agreed = agree(peer)
            assert agreed.local_no_context_takeover
            assert agreed.remote_no_context_takeover

    @given(texts, st.integers(WINDOW_BITS, 15))
    def test_it_reads_what_we_write_whatever_its_window(self, text: bytes, server_bits: int) -> None:
        (frame,) = split_frames(deflate_frame(text))
        peer = agree(ClientPerMessageDeflateFactory(server_max_window_bits=server_bits))
        for _ in range(2):  # each message by itself
            assert peer.decode(as_theirs(frame)).data == text

    @given(texts, st.integers(9, 15), st.integers(0, 9))
    def test_we_read_what_it_writes(self, text: bytes, client_bits: int, level: int) -> None:
        settings = {"level": level}
        peer = agree(ClientPerMessageDeflateFactory(client_max_window_bits=client_bits, compress_settings=settings))
        for _ in range(2):
            written = peer.encode(PeerFrame(PeerOpcode.TEXT, text))
            assert written.rsv1
            assert inflate(bytes(written.data), len(text)) == text

    def test_it_reads_a_long_one(self) -> None:
        text = b"".join(b"[%d.50,%d]," % (number * 7, number * number) for number in range(5000))
        (frame,) = split_frames(deflate_frame(text))
        assert len(frame.payload) < len(text) // 2
        assert agree(ClientPerMessageDeflateFactory(server_max_window_bits=9)).decode(as_theirs(frame)).data == text


def offered(peer: ClientPerMessageDeflateFactory) -> str:
    """Return the header with the offer of a client."""
    return build_extension([(peer.name, list(peer.get_request_params()))])


def agree(peer: ClientPerMessageDeflateFactory, answered: str | None = None) -> PerMessageDeflate:
    """Return what the client has after our answer, which is to its own offer unless told otherwise."""
    answered = answered or answer(offered(peer))
    assert answered is not None
    ((_, parameters),) = parse_extension(answered)
    return peer.process_response_params(parameters, ())


def as_theirs(frame: Frame) -> PeerFrame:
    return PeerFrame(PeerOpcode(frame.opcode), frame.payload, frame.final, rsv1=frame.reserved == COMPRESSED)


def test_the_other_library_refuses_what_was_not_offered() -> None:
    with pytest.raises(NegotiationError):
        agree(ClientPerMessageDeflateFactory(server_max_window_bits=9), ALWAYS)


class TestDeflating:
    def test_a_long_message_becomes_one_whole_compressed_frame(self) -> None:
        (frame,) = split_frames(deflate_frame(JSON * 10))
        assert frame == Frame(TEXT, frame.payload[: len(JSON) * 2], final=True, reserved=COMPRESSED)

    @given(texts)
    def test_zlib_with_the_smallest_window_reads_it(self, text: bytes) -> None:
        (frame,) = split_frames(deflate_frame(text))
        if frame.reserved:
            inflater = zlib.decompressobj(-WINDOW_BITS)
            assert inflater.decompress(frame.payload + b"\x00\x00\xff\xff") == text
            assert len(frame.payload) < len(text)
        else:
            assert frame == Frame(TEXT, text)

    def test_short_messages_are_left_as_they_are(self) -> None:
        assert split_frames(deflate_frame(b"x" * PLAIN_BYTES_MAX)) == [Frame(TEXT, b"x" * PLAIN_BYTES_MAX)]
        assert split_frames(deflate_frame(b"x" * (PLAIN_BYTES_MAX + 1)))[0].reserved == COMPRESSED

    def test_so_are_those_that_would_not_be_shorter(self) -> None:
        noise = b"".join(sha256(bytes((number,))).digest() for number in range(10))
        assert split_frames(deflate_frame(noise)) == [Frame(TEXT, noise)]

    def test_the_same_message_is_always_the_same_bytes(self) -> None:
        first = deflate_frame(JSON * 10)
        deflate_frame(JSON * 20)
        assert deflate_frame(JSON * 10) == first


class TestExamplesOfTheRfc:
    """Section 7.2.3."""

    @pytest.mark.parametrize(
        "payload",
        [
            "f2 48 cd c9 c9 07 00",  # 7.2.3.1
            "00 05 00 fa ff 48 65 6c 6c 6f 00",  # 7.2.3.3, a block that is not compressed
            "f3 48 cd c9 c9 07 00 00",  # 7.2.3.4, a final block
            "f2 48 05 00 00 00 ff ff ca c9 c9 07 00",  # 7.2.3.5, two blocks
        ],
    )
    def test_hello(self, payload: str) -> None:
        assert inflate(bytes.fromhex(payload), 5) == b"Hello"

    def test_nothing(self) -> None:
        assert inflate(b"\x00", 0) == b""  # 7.2.3.6

    def test_the_window_is_not_shared_between_messages(self) -> None:
        assert inflate(bytes.fromhex("f2 48 cd c9 c9 07 00"), 5) == b"Hello"
        assert refusal(bytes.fromhex("f2 00 11 00 00")) == CloseCode.INVALID_TEXT  # 7.2.3.2


class TestInflating:
    @given(texts, st.integers(9, 15), st.integers(0, 9))
    def test_what_any_sender_writes(self, text: bytes, bits: int, level: int) -> None:
        assert inflate(deflated(text, bits=bits, level=level), len(text)) == text

    @given(st.lists(texts, min_size=1, max_size=4), st.sampled_from([b"", b"\x00"]))
    def test_final_blocks_one_after_another(self, pieces: list[bytes], ending: bytes) -> None:
        """The empty block after the last is sometimes left out."""
        payload = b"".join(deflated(piece, flush=zlib.Z_FINISH) for piece in pieces)
        assert inflate(payload + ending, len(b"".join(pieces))) == b"".join(pieces)

    def test_a_final_block_and_then_others(self) -> None:
        payload = deflated(b"one ", flush=zlib.Z_FINISH) + deflated(b"two")
        assert inflate(payload, BYTES_MAX) == b"one two"

    def test_only_so_many_final_blocks(self) -> None:
        empty = deflated(b"", flush=zlib.Z_FINISH)
        assert inflate(empty * FINAL_BLOCKS_MAX, BYTES_MAX) == b""
        assert refusal(empty * (FINAL_BLOCKS_MAX + 1)) == CloseCode.POLICY_VIOLATION
        assert refusal(empty * 30_000) == CloseCode.POLICY_VIOLATION


class TestCorrupt:
    @pytest.mark.parametrize(
        "payload",
        [
            b"",  # not even the empty block
            b"\xff\xff\xff",  # a block of no kind
            b"\x00\x40\x00\xbf\xffHello\x00",  # much less than announced
            b"\x00\x05\x00\xfa\xf0Hello\x00",  # a length that is no length
            JSON,
            deflated(JSON, flush=zlib.Z_FINISH) + b"\xff",
            deflated(JSON, flush=zlib.Z_FINISH) + b"trailing",
            deflated(JSON) + b"\x00\x00\xff\xff\x07",
            zlib.compress(JSON),
        ],
    )
    def test_it_is_refused(self, payload: bytes) -> None:
        assert refusal(payload) == CloseCode.INVALID_TEXT

    @pytest.mark.parametrize("level", [1, 6, 9])
    def test_so_is_what_was_cut_off_wherever(self, level: int) -> None:
        whole = deflated(JSON * 3, level=level)
        assert {refusal(whole[:size]) for size in range(len(whole))} == {CloseCode.INVALID_TEXT}

    @given(st.binary(max_size=200))
    def test_noise_is_refused_or_read_within_bounds(self, payload: bytes) -> None:
        try:
            assert len(inflate(payload, BYTES_MAX)) <= BYTES_MAX
        except InflateError as error:
            assert error.code in (CloseCode.INVALID_TEXT, CloseCode.MESSAGE_TOO_BIG, CloseCode.POLICY_VIOLATION)


class TestBombs:
    def test_a_message_may_be_as_long_as_the_limit(self) -> None:
        assert len(inflate(deflated(b"x" * BYTES_MAX), BYTES_MAX)) == BYTES_MAX
        assert refusal(deflated(b"x" * (BYTES_MAX + 1))) == CloseCode.MESSAGE_TOO_BIG

    def test_streams_count_together(self) -> None:
        half = deflated(b"x" * (BYTES_MAX // 2), flush=zlib.Z_FINISH)
        assert inflate(half * 2 + b"\x00", BYTES_MAX) == b"x" * BYTES_MAX
        assert refusal(half * 2 + deflated(b"x")) == CloseCode.MESSAGE_TOO_BIG

    def test_it_is_refused_before_it_is_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        produced = []

        class Watched:
            def __init__(self, bits: int) -> None:
                self._inflater = zlib_decompressobj(bits)

            def decompress(self, data: bytes, bytes_max: int) -> bytes:
                assert bytes_max > 0, "no limit at all"
                produced.append(self._inflater.decompress(data, bytes_max))
                self.eof, self.unused_data = self._inflater.eof, self._inflater.unused_data
                return produced[-1]

        zlib_decompressobj = zlib.decompressobj
        bomb = deflated(b"x" * 400, flush=zlib.Z_FINISH) + deflated(b"\x00" * (1 << 26))
        assert len(bomb) < 1 << 17
        monkeypatch.setattr("finalex.gateway.deflate.zlib.decompressobj", Watched)
        assert refusal(bomb) == CloseCode.MESSAGE_TOO_BIG
        assert [len(data) for data in produced] == [400, BYTES_MAX + 1 - 400]
