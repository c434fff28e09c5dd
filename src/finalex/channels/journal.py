"""The journal: the last private messages of each account, as what they are made of."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from finalex.protocol.streams import HISTORY_MAX


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept for those who come late or come back; the rest is in the log.

    `trades_max` is for a symbol, `account_max` for an account in each of its channels. `updates_max` order updates
    and `fills_max` fills are kept over all accounts.
    """

    trades_max: int = HISTORY_MAX
    account_max: int = HISTORY_MAX
    updates_max: int = 200_000
    fills_max: int = 500_000


class Entry(Protocol):
    """What a message is made of."""

    @property
    def user(self) -> str:
        """The account that it is about."""
        ...


E = TypeVar("E", bound=Entry)


class Journal(Generic[E]):
    """The last `account_max` entries of each account, and at most `entries_max` over all.

    Past the second limit everything is forgotten of the account that has had no entry for longest. What was
    forgotten last stays known: everything after it is here.
    """

    def __init__(self, account_max: int, entries_max: int) -> None:
        self._account_max = account_max
        self._entries_max = entries_max
        self._count = 0
        self._by_user: OrderedDict[str, deque[E]] = OrderedDict()  # who had the newest entry is last
        self._forgotten: dict[str, E] = {}

    def add(self, entry: E) -> None:
        """Keep `entry` as the newest of its account."""
        user = entry.user
        entries = self._by_user.get(user)
        if entries is None:
            entries = self._by_user[user] = deque()
        self._by_user.move_to_end(user)
        entries.append(entry)
        if len(entries) > self._account_max:
            self._forgotten[user] = entries.popleft()
            return
        self._count += 1
        while self._count > self._entries_max:
            quietest, dropped = self._by_user.popitem(last=False)
            self._count -= len(dropped)
            self._forgotten[quietest] = dropped[-1]

    def of(self, user: str) -> Sequence[E]:
        """Return what is kept of `user`, oldest first."""
        return self._by_user.get(user, ())

    def forgotten(self, user: str) -> E | None:
        """Return the newest entry of `user` that is not kept any more, or `None`: then all there ever were are."""
        return self._forgotten.get(user)

    def save(self) -> "SavedJournal[E]":
        """Return everything; it follows no later change."""
        kept = {user: list(entries) for user, entries in self._by_user.items()}
        return SavedJournal(kept, dict(self._forgotten))

    def load(self, saved: "SavedJournal[E]") -> None:
        """Take over, into an empty journal, what `save` returned, as far as the limits here allow."""
        self._forgotten.update(saved.forgotten)
        for entries in saved.kept.values():
            for entry in entries:
                self.add(entry)


class SavedJournal(msgspec.Struct, Generic[E], frozen=True):
    """A journal as a snapshot holds it: entries oldest first, who had the newest comes last; and what was forgotten."""

    kept: dict[str, list[E]]
    forgotten: dict[str, E]
