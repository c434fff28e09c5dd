"""Messages of presence: what is none of ours is refused, what a later release adds is passed over."""

import pytest

from finalex.cluster.presence_messages import (
    KEYS_PER_MESSAGE_MAX,
    Ask,
    Changes,
    Gone,
    PresenceError,
    account_key,
    address_key,
    decode,
    encode,
    key_parts,
)

HERE, ANN = address_key("192.0.2.1"), account_key("ann")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"{}",
        encode(Changes("a", 1, 1, {HERE: (1, 1)}))[:-1],
        encode(Changes("", 1, 1, {})),
        encode(Changes("a", 1, 0, {})),
        encode(Changes("a", -1, 1, {})),
        encode(Changes("a", 1, 1, {HERE: (-1, 1)})),
        encode(Changes("a", 1, 1, {"x" * 81: (1, 1)})),
        encode(Changes("a" * 65, 1, 1, {})),
        encode(Changes("a", 1, 1, {f"a{number}": (1, 1) for number in range(KEYS_PER_MESSAGE_MAX + 1)})),
        encode(Ask("a", ["b"] * 1001)),
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(PresenceError):
        decode(data)


def test_more_fields_of_a_later_release_are_passed_over() -> None:
    later = encode(Gone("a", 1)).replace(b"\x93", b"\x94", 1) + b"\x01"
    assert decode(later) == Gone("a", 1)


def test_a_key_is_of_an_address_or_an_account() -> None:
    assert key_parts(HERE) == ("192.0.2.1", None)
    assert key_parts(ANN) == (None, "ann")
