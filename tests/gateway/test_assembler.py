"""Frames from a client become messages, or end the connection."""

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.gateway.assembler import FRAGMENTS_MAX, BadFrameError, MessageAssembler, PeerClose, Ping, Pong, Received
from finalex.protocol.errors import CloseCode
from support.sockets import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

BYTES_MAX = 100


def assembler() -> MessageAssembler:
    return MessageAssembler(BYTES_MAX)


def take(frames: list[tuple[int, bytes, bool]], assembler: MessageAssembler | None = None) -> list[Received | None]:
    """Return what each of some frames (opcode, payload, final) completes."""
    taker = assembler or MessageAssembler(BYTES_MAX)
    return [taker.accept(opcode, payload, final=final, reserved=False) for opcode, payload, final in frames]


def refusal(*frames: tuple[int, bytes, bool], reserved: bool = False) -> CloseCode:
    """Return the code with which the last of some frames is refused; those before must not be."""
    taker = assembler()
    take(list(frames[:-1]), taker)
    opcode, payload, final = frames[-1]
    with pytest.raises(BadFrameError) as refused:
        taker.accept(opcode, payload, final=final, reserved=reserved)
    return refused.value.code


class TestText:
    def test_one_frame_is_a_message(self) -> None:
        assert take([(TEXT, "grün €".encode(), True), (TEXT, b"", True)]) == ["grün €", ""]

    def test_fragments_are_a_message_with_the_last(self) -> None:
        frames = [(TEXT, b"a", False), (CONTINUATION, b"", False), (CONTINUATION, b"b", True), (TEXT, b"c", True)]
        assert take(frames) == [None, None, "ab", "c"]

    def test_control_frames_may_come_between_fragments(self) -> None:
        frames = [(TEXT, b"a", False), (PING, b"p", True), (PONG, b"", True), (CONTINUATION, b"b", True)]
        assert take(frames) == [None, Ping(b"p"), Pong(), "ab"]

    @given(st.text(max_size=25), st.lists(st.integers(0, 100), max_size=8))
    def test_text_may_be_cut_anywhere(self, text: str, cuts: list[int]) -> None:
        data = text.encode()
        places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        pieces = [data[start:end] for start, end in pairwise(places)] or [b""]
        frames = [(CONTINUATION if index else TEXT, piece, False) for index, piece in enumerate(pieces)]
        frames[-1] = (*frames[-1][:2], True)
        assert take(frames) == [None] * (len(pieces) - 1) + [text]


class TestOrder:
    def test_nothing_to_continue(self) -> None:
        assert refusal((CONTINUATION, b"a", True)) == CloseCode.PROTOCOL_ERROR

    def test_nothing_to_continue_after_a_whole_message(self) -> None:
        frames = [(TEXT, b"a", False), (CONTINUATION, b"b", True), (CONTINUATION, b"c", True)]
        assert refusal(*frames) == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("final", [True, False])
    def test_a_new_message_within_another(self, final: bool) -> None:
        assert refusal((TEXT, b"a", False), (TEXT, b"b", final)) == CloseCode.PROTOCOL_ERROR

    def test_a_reserved_bit(self) -> None:
        assert refusal((TEXT, b"a", True), reserved=True) == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF])
    def test_an_unknown_opcode(self, opcode: int) -> None:
        assert refusal((opcode, b"", True)) == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_a_control_frame_in_fragments_or_too_long(self, opcode: int) -> None:
        assert refusal((opcode, b"", False)) == CloseCode.PROTOCOL_ERROR
        assert refusal((opcode, b"\x03\xe8" + b"x" * 124, True)) == CloseCode.PROTOCOL_ERROR

    def test_binary_is_not_supported(self) -> None:
        assert refusal((BINARY, b"{}", True)) == CloseCode.UNSUPPORTED_DATA


class TestSize:
    def test_a_message_may_be_as_long_as_the_limit(self) -> None:
        assert take([(TEXT, b"x" * BYTES_MAX, True)] * 2) == ["x" * BYTES_MAX] * 2

    def test_one_byte_more_is_too_big(self) -> None:
        assert refusal((TEXT, b"x" * (BYTES_MAX + 1), True)) == CloseCode.MESSAGE_TOO_BIG

    def test_fragments_count_together(self) -> None:
        whole = [(TEXT, b"x" * (BYTES_MAX - 1), False), (CONTINUATION, b"x", True)]
        assert take(whole * 2)[1::2] == ["x" * BYTES_MAX] * 2
        assert refusal((TEXT, b"x" * BYTES_MAX, False), (CONTINUATION, b"x", True)) == CloseCode.MESSAGE_TOO_BIG

    def test_so_does_their_number(self) -> None:
        most = [(TEXT, b"", False), *[(CONTINUATION, b"", False)] * (FRAGMENTS_MAX - 1)]
        assert take([*most[:-1], (CONTINUATION, b"", True)])[-1] == ""
        assert refusal(*most, (CONTINUATION, b"", True)) == CloseCode.POLICY_VIOLATION


class TestEncoding:
    @pytest.mark.parametrize(
        "data", [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xce\xba\xe1", b"a\x80"]
    )
    def test_what_is_not_utf8_is_refused(self, data: bytes) -> None:
        assert refusal((TEXT, data, True)) == CloseCode.INVALID_TEXT

    def test_it_is_refused_as_soon_as_it_shows(self) -> None:
        assert refusal((TEXT, b"\xce", False), (CONTINUATION, b"\xce", False)) == CloseCode.INVALID_TEXT

    def test_a_character_that_never_ends_is_refused_at_the_end(self) -> None:
        assert refusal((TEXT, b"\xce", False), (CONTINUATION, b"", True)) == CloseCode.INVALID_TEXT


class TestClose:
    @pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999])
    def test_codes_that_may_be_sent(self, code: int) -> None:
        assert take([(CLOSE, code.to_bytes(2, "big") + "schön".encode(), True)]) == [PeerClose(code)]

    def test_none_is_fine(self) -> None:
        assert take([(CLOSE, b"", True)]) == [PeerClose(None)]

    @pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535])
    def test_codes_that_may_not(self, code: int) -> None:
        assert refusal((CLOSE, code.to_bytes(2, "big"), True)) == CloseCode.PROTOCOL_ERROR

    def test_half_a_code(self) -> None:
        assert refusal((CLOSE, b"\x03", True)) == CloseCode.PROTOCOL_ERROR

    def test_a_reason_that_is_not_utf8(self) -> None:
        assert refusal((CLOSE, b"\x03\xe8\xff", True)) == CloseCode.INVALID_TEXT


def deflated(text: bytes) -> bytes:
    """Return the payload of a compressed message."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


Marked = tuple[int, bytes, bool, bool]
"""A frame with its opcode, payload, whether it is final, and whether it says that it is compressed."""


def take_marked(frames: list[Marked], *, deflate: bool = True) -> list[Received | None]:
    """Return what each of some frames completes."""
    taker = MessageAssembler(BYTES_MAX, deflate=deflate)
    return [
        taker.accept(opcode, payload, final=final, reserved=False, compressed=compressed)
        for opcode, payload, final, compressed in frames
    ]


def marked_refusal(*frames: Marked, deflate: bool = True) -> CloseCode:
    """Return the code with which the last of some frames is refused; those before must not be."""
    take_marked(list(frames[:-1]), deflate=deflate)
    with pytest.raises(BadFrameError) as refused:
        take_marked(list(frames), deflate=deflate)
    return refused.value.code


class TestCompressed:
    def test_one_frame_is_a_message(self) -> None:
        text = "grün € " * 9
        assert take_marked([(TEXT, deflated(text.encode()), True, True)] * 2) == [text] * 2

    def test_a_message_need_not_be_compressed(self) -> None:
        frames = [(TEXT, b"a", True, False), (TEXT, deflated(b"b"), True, True), (TEXT, b"c", True, False)]
        assert take_marked(frames) == ["a", "b", "c"]

    @given(st.text(max_size=25), st.lists(st.integers(0, 100), max_size=8))
    def test_fragments_are_cut_anywhere_from_what_is_compressed(self, text: str, cuts: list[int]) -> None:
        data = deflated(text.encode())
        places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
        pieces = [data[start:end] for start, end in pairwise(places)]
        frames = [(CONTINUATION if index else TEXT, piece, False, not index) for index, piece in enumerate(pieces)]
        frames[-1] = (*frames[-1][:2], True, frames[-1][3])
        again = [(TEXT, b"plain", False, False), (CONTINUATION, b"", True, False), (TEXT, data, True, True)]
        assert take_marked(frames + again) == [None] * (len(pieces) - 1) + [text, None, "plain", text]

    def test_control_frames_may_come_between_fragments(self) -> None:
        data = deflated(b"text")
        frames = [(TEXT, data[:2], False, True), (PING, b"p", True, False), (CONTINUATION, data[2:], True, False)]
        assert take_marked(frames) == [None, Ping(b"p"), "text"]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE])
    def test_unless_it_was_agreed_nothing_is(self, opcode: int) -> None:
        assert marked_refusal((opcode, b"\x00", True, True), deflate=False) == CloseCode.PROTOCOL_ERROR

    def test_another_reserved_bit_is_never_agreed(self) -> None:
        with pytest.raises(BadFrameError) as refused:
            MessageAssembler(BYTES_MAX, deflate=True).accept(TEXT, b"a", final=True, reserved=True)
        assert refused.value.code == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("first", [True, False])
    def test_only_the_first_frame_says_so(self, first: bool) -> None:
        data = deflated(b"text")
        frames = [(TEXT, data[:2], False, first), (CONTINUATION, data[2:], True, True)]
        assert marked_refusal(*frames) == CloseCode.PROTOCOL_ERROR

    @pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
    def test_control_frames_are_never_compressed(self, opcode: int) -> None:
        assert marked_refusal((opcode, b"", True, True)) == CloseCode.PROTOCOL_ERROR

    def test_binary_is_not_supported(self) -> None:
        assert marked_refusal((BINARY, deflated(b"{}"), True, True)) == CloseCode.UNSUPPORTED_DATA

    def test_it_may_be_as_long_as_the_limit_when_inflated(self) -> None:
        most, more = deflated(b"x" * BYTES_MAX), deflated(b"x" * (BYTES_MAX + 1))
        assert take_marked([(TEXT, most, True, True)] * 2) == ["x" * BYTES_MAX] * 2
        assert marked_refusal((TEXT, more, True, True)) == CloseCode.MESSAGE_TOO_BIG
        fragments = [(TEXT, more[:3], False, True), (CONTINUATION, more[3:], True, False)]
        assert marked_refusal(*fragments) == CloseCode.MESSAGE_TOO_BIG

    def test_and_as_it_comes(self) -> None:
        long = b"\x00\x00\x00\xff\xff" * (BYTES_MAX // 5)  # empty blocks
        assert take_marked([(TEXT, long[:-5] + b"\x00", True, True)]) == [""]
        assert marked_refusal((TEXT, long + b"\x00", True, True)) == CloseCode.MESSAGE_TOO_BIG
        fragments = [(TEXT, long, False, True), (CONTINUATION, b"\x00", False, False)]
        assert marked_refusal(*fragments) == CloseCode.MESSAGE_TOO_BIG

    def test_the_number_of_its_frames_is_limited_too(self) -> None:
        most = [(TEXT, b"", False, True), *[(CONTINUATION, b"", False, False)] * (FRAGMENTS_MAX - 1)]
        assert take_marked([*most[:-1], (CONTINUATION, b"\x00", True, False)])[-1] == ""
        assert marked_refusal(*most, (CONTINUATION, b"\x00", True, False)) == CloseCode.POLICY_VIOLATION

    @pytest.mark.parametrize("payload", [deflated(b"\xff"), deflated(b"\xce"), b"\xff\xff", b"plain"])
    def test_what_is_corrupt_or_not_utf8_is_refused(self, payload: bytes) -> None:
        assert marked_refusal((TEXT, payload, True, True)) == CloseCode.INVALID_TEXT
        fragments = [(TEXT, payload[:1], False, True), (CONTINUATION, payload[1:], True, False)]
        assert marked_refusal(*fragments) == CloseCode.INVALID_TEXT

    def test_plain_text_is_still_refused_as_soon_as_it_shows(self) -> None:
        frames = [(TEXT, b"\xce", False, False), (CONTINUATION, b"\xce", False, False)]
        assert marked_refusal(*frames) == CloseCode.INVALID_TEXT
