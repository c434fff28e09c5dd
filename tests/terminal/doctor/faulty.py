"""A real server behind a fault: what comes from it is changed on the way."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from finalex.client.link import Link, Receiver, picows_opener

Message = dict[str, Any]

Change = Callable[[Message], list[Message]]
"""Returns what arrives in the place of a message."""


class FaultyOpener:
    """Opens real connections; what comes over them goes through `change`."""

    def __init__(self, change: Change) -> None:
        self._change = change

    async def __call__(self, url: str, headers: Mapping[str, str], receiver: Receiver) -> None:
        await picows_opener()(url, headers, _Changing(self._change, receiver))


class _Changing:
    def __init__(self, change: Change, receiver: Receiver) -> None:
        self._change = change
        self._receiver = receiver

    def opened(self, link: Link) -> None:
        self._receiver.opened(link)

    def received(self, text: bytes) -> None:
        for message in self._change(json.loads(text)):
            self._receiver.received(json.dumps(message).encode())

    def ended(self, code: int | None) -> None:
        self._receiver.ended(code)
