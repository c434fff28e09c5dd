"""Every input that was ever interesting, through the fuzz targets: what once went wrong stays mended."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.knock import knock
from fuzz.talk import talk

SEEDS = Path(__file__).with_name("seeds")
TARGETS: dict[str, Callable[[bytes], object]] = {"knock": knock, "talk": talk}


def seeds(target: str) -> list[Path]:
    return sorted((SEEDS / target).iterdir())


def test_every_target_has_seeds() -> None:
    assert {folder.name for folder in SEEDS.iterdir()} == set(TARGETS)
    assert all(len(seeds(target)) >= 10 for target in TARGETS)


@pytest.mark.parametrize("seed", seeds("talk"), ids=lambda path: path.name)
def test_a_conversation_that_was_interesting_ends_well(seed: Path) -> None:
    talk(seed.read_bytes())


@pytest.mark.parametrize("seed", seeds("knock"), ids=lambda path: path.name)
def test_a_connection_that_was_interesting_ends_well(seed: Path) -> None:
    knock(seed.read_bytes())


def test_the_targets_reach_what_they_are_for() -> None:
    answered = knock((SEEDS / "knock" / "frames").read_bytes())
    assert answered.startswith(b"HTTP/1.1 101 ")
    assert all(kind in answered for kind in (b'"connection_status"', b'"pong"', b'"subscribed"', b"\x8a\x01x"))
    for proxied in ("proxy-v1", "proxy-v2", "proxy-v2-local", "proxy-unknown"):
        assert knock((SEEDS / "knock" / proxied).read_bytes()).startswith(b"HTTP/1.1 101 ")
    assert knock((SEEDS / "knock" / "health").read_bytes()).startswith(b"HTTP/1.1 200 ")


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_at_the_port_end_well(data: bytes) -> None:
    knock(data)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), max_size=12), st.sampled_from((3, 4)))
@settings(max_examples=300, deadline=None)
def test_any_frames_end_well(frames: list[tuple[int, bytes]], kind: int) -> None:
    knock(bytes([kind, 255]) + b"".join(bytes([first, len(payload)]) + payload for first, payload in frames))


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_texts_end_well(text: str) -> None:
    talk(text.encode())
