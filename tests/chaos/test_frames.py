"""Frames as they leave are found again in what is written together, and read."""

import json

from hypothesis import given
from hypothesis import strategies as st

from finalex.chaos.frames import opcode_of, read_head, split_frames
from finalex.gateway.deflate import deflate_frame
from finalex.gateway.framing import PING, Opcode, frame_close, frame_pong, frame_text

FRAMES = st.one_of(
    st.integers(0, 70_000).map(lambda size: frame_text(b"x" * size)),
    st.binary(max_size=125).map(frame_pong),
    st.just(PING),
    st.just(frame_close(1012, "restart")),
)


@given(frames=st.lists(FRAMES, max_size=6))
def test_what_was_joined_is_split_into_the_same(frames: list[bytes]) -> None:
    assert list(split_frames(b"".join(frames))) == frames


@given(padding=st.integers(0, 70_000), deflated=st.booleans())
def test_a_message_is_read_at_any_length_and_compressed(padding: int, deflated: bool) -> None:
    data = {"symbol": "BTC/USDT", "padding": "x" * padding}
    text = json.dumps({"id": 1, "type": "trade", "channel": "trades", "data": data, "timestamp": 1}).encode()
    head = read_head(deflate_frame(text) if deflated else frame_text(text))
    assert (head.type, head.symbol) == ("trade", "BTC/USDT")


def test_a_message_without_a_symbol_has_an_empty_one() -> None:
    head = read_head(frame_text(b'{"id":"a","type":"pong","data":{"server_time":1},"timestamp":1}'))
    assert (head.type, head.symbol) == ("pong", "")


def test_an_opcode_is_read_of_a_compressed_frame_too() -> None:
    assert opcode_of(deflate_frame(b"x" * 1000)) == opcode_of(frame_text(b"x")) == Opcode.TEXT
