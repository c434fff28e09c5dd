"""What clients offer, read as another library reads it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.exceptions import InvalidHeaderFormat
from websockets.headers import parse_extension

from finalex.gateway.extensions import Extension, parse_extensions
from finalex.gateway.http_messages import HEAD_BYTES_MAX, HttpError

PIECES = st.sampled_from(["a", "b-1", ";", "=", ",", " ", "\t", '"', '"a"', '"a b"', "\\", '"\\a"', '""', "é", "("])


def read(*values: str) -> list[Extension] | None:
    """Return what headers offer, or `None` if they are refused as malformed."""
    try:
        return parse_extensions(values)
    except HttpError as error:
        assert error.status == 400
        return None


def read_elsewhere(value: str) -> list[Extension] | None:
    """Return what another library finds in a header."""
    try:
        found = parse_extension(value)
    except InvalidHeaderFormat:
        return None
    return [Extension(name, tuple(parameters)) for name, parameters in found]


def test_a_browser_offers_one() -> None:
    assert read("permessage-deflate; client_max_window_bits") == [
        Extension("permessage-deflate", (("client_max_window_bits", None),))
    ]


def test_several_come_in_order_from_one_header_or_more() -> None:
    expected = [Extension("a", (("x", "1"),)), Extension("b"), Extension("a", (("y", None), ("x", "2")))]
    assert read("a;x=1, b", "a; y ; x = 2") == expected
    assert read("a;x=1", "b,a;y;x=2") == expected


def test_a_value_may_be_quoted_and_what_is_quoted_may_be_escaped() -> None:
    assert read('a; x="10"; y="\\1\\5", b') == [Extension("a", (("x", "10"), ("y", "15"))), Extension("b")]


def test_parameters_that_repeat_are_all_there() -> None:
    assert read("a; x; x=1") == [Extension("a", (("x", None), ("x", "1")))]


@pytest.mark.parametrize("value", ["", " ", ",", ", ,\t,"])
def test_nothing_is_nothing(value: str) -> None:
    assert read(value) == []


@pytest.mark.parametrize(
    "value",
    ["a b", "a;", "a; =1", "a; x=", "a; x=;", 'a; x="1', 'a; x="1 2"', 'a; x=""', 'a; x="1;y=2"', "=", ";x", "a/b"],
)
def test_what_is_malformed_is_refused(value: str) -> None:
    assert read(value) is None
    assert read("fine", value) is None


@given(st.lists(PIECES, min_size=1, max_size=12).map("".join))
@example('a;b="\\"')
def test_another_library_reads_the_same(value: str) -> None:
    stripped = value.strip(" \t")
    if not stripped.strip(", \t"):
        assert read(value) == []
    else:
        assert read(value) == read_elsewhere(stripped)


@pytest.mark.parametrize("piece", ["a;", "a;x=1;", " ", '"', "a;x=", ";", "\\", 'a;x="'])
def test_no_header_takes_long(piece: str) -> None:
    """Reading goes forward only: this ends, where a pattern that goes back would not."""
    repeated = piece * (HEAD_BYTES_MAX // len(piece))
    assert read(f"a{repeated}(") is None
