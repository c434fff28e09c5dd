"""Frames from the server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finalex.gateway.framing import PING as PING_FRAME
from finalex.gateway.framing import frame_close, frame_pong, frame_text
from support.sockets import CLOSE, PING, PONG, TEXT, Frame, split_frames


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_text_of_any_length_is_one_whole_unmasked_frame(size: int) -> None:
    payload = b"x" * size
    assert split_frames(frame_text(payload)) == [Frame(TEXT, payload)]


@pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_the_length_takes_no_more_bytes_than_it_must(size: int, head: int) -> None:
    assert len(frame_text(b"x" * size)) == head + size


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_joined_frames_stay_apart(payloads: list[bytes]) -> None:
    joined = b"".join(map(frame_text, payloads))
    assert [frame.payload for frame in split_frames(joined)] == payloads


def test_control_frames() -> None:
    assert split_frames(PING_FRAME + frame_pong(b"abc")) == [Frame(PING, b""), Frame(PONG, b"abc")]


def test_a_close_frame_has_code_and_reason() -> None:
    assert split_frames(frame_close(4000, "too slow")) == [Frame(CLOSE, b"\x0f\xa0too slow")]


def test_a_long_reason_is_cut_between_characters() -> None:
    (frame,) = split_frames(frame_close(1000, "ü" * 100))
    assert frame.payload[2:].decode() == "ü" * 61
