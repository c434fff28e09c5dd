"""Faults in front of a real server: connections that break again and again."""

from collections.abc import Mapping
from random import Random

from finalex.client.link import Link, Opener, Receiver, picows_opener


class FlakyOpener:
    """Opens real connections, and breaks each after 1 to `messages_max` messages, as `chance` has it.

    Give `open` to `connect`. What comes after the break is lost. `drops` counts the breaks; while not `active`, new
    and old connections hold. `opener` makes the connections, picows' by default.
    """

    def __init__(self, chance: Random, messages_max: int = 50, opener: Opener | None = None) -> None:
        self.active = True
        self.drops = 0
        self._chance = chance
        self._messages_max = messages_max
        self._opener = opener or picows_opener()

    async def open(self, url: str, headers: Mapping[str, str], receiver: Receiver) -> None:
        """See `finalex.client.link.Opener`."""
        await self._opener(url, headers, _Fuse(self, receiver, self._chance.randint(1, self._messages_max)))


class _Fuse:
    """A receiver that breaks its connection after so many messages."""

    def __init__(self, owner: FlakyOpener, receiver: Receiver, messages: int) -> None:
        self._owner = owner
        self._receiver = receiver
        self._left = messages
        self._blown = False
        self._link: Link

    def opened(self, link: Link) -> None:
        """See `Receiver.opened`."""
        self._link = link
        self._receiver.opened(link)

    def received(self, text: bytes) -> None:
        """See `Receiver.received`."""
        if self._blown:
            return
        self._receiver.received(text)
        if self._owner.active:
            self._left -= 1
            self._blown = self._left <= 0
        if self._blown:
            self._owner.drops += 1
            self._link.abort()

    def ended(self, code: int | None) -> None:
        """See `Receiver.ended`."""
        self._receiver.ended(code)
