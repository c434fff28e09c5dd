"""Fuzz target `talk`: any texts to a session, logged in or not, with time passing in between.

The input is lines. A line that begins with a tab lets as many seconds pass as it has tabs, one that begins with
`\\x01` to `\\x04` is another event in the life of a connection; any other is one message of the client.
"""

from typing import Any, Final

from finalex.protocol.errors import CloseCode
from finalex.session.limits import Limits
from support.conversation import Conversation, House

LINES_MAX = 60
SEEN_MAX = 40_000
"""Messages that one input may lead to: `PAST_MESSAGES_MAX` for a few requests, and what they subscribe to."""

INPUTS_PER_HOUSE = 500
"""A house is used for so many inputs, so that it need not be built for each."""

_ENVELOPE: Final = {"id", "type", "data", "timestamp"}
_CODES: Final = {int(code) for code in CloseCode}


class _Stage:
    """The house of the present inputs."""

    house = House()
    inputs = 0


def talk(data: bytes) -> None:
    """Hold one conversation; raises whatever must not happen."""
    house = _house()
    lines = data.decode(errors="replace").split("\n")[:LINES_MAX]
    conversation = house.connect("ann" if data[:1] != b"\x05" else None)
    try:
        for line in lines:
            _happen(conversation, line)
            _check(conversation)
    finally:
        conversation.disconnect()
    assert not conversation.joined
    assert not house.conversations


def _house() -> House:
    _Stage.inputs += 1
    if _Stage.inputs % INPUTS_PER_HOUSE == 1:
        _Stage.house = House(Limits(messages_per_minute_max=40))
        _Stage.house.fund("ann", BTC=10, USDT=100_000)
        _Stage.house.fund("bob", BTC=10, USDT=100_000)
    return _Stage.house


def _happen(conversation: Conversation, line: str) -> None:
    seconds = len(line) - len(line.lstrip("\t"))
    if seconds:
        conversation.house.advance(seconds * 1000)
        return
    match line[:1]:
        case "\x01":
            conversation.fall_behind()
        case "\x02":
            conversation.catch_up()
        case "\x03":
            conversation.recall(steps=3)
        case "\x04":
            conversation.at_once = not conversation.at_once
            if conversation.proceeding:
                conversation.proceed()
        case _:
            conversation.send(line)


def _check(conversation: Conversation) -> None:
    seen: list[dict[str, Any]] = conversation.seen
    assert len(seen) <= SEEN_MAX
    assert all(message.keys() >= _ENVELOPE for message in seen)
    assert len(conversation.joined) <= conversation.house.desk.limits.public_subscriptions_max * 2
    assert conversation.closed is None or conversation.closed in _CODES
    seen.clear()
