"""A naive reader of a book stream, and naive books to compare it with."""

from collections.abc import Iterable

from finalex.model.events import Level, LevelChange
from finalex.model.orders import Side

Levels = dict[Side, dict[int, int]]


def empty() -> Levels:
    return {Side.BUY: {}, Side.SELL: {}}


def crossed(book: Levels) -> bool:
    return bool(book[Side.BUY] and book[Side.SELL]) and max(book[Side.BUY]) >= min(book[Side.SELL])


def best(book: Levels, side: Side, depth: int) -> list[Level]:
    """Return the best `depth` levels of a side by sorting all of them."""
    return sorted(book[side].items(), reverse=side is Side.BUY)[:depth]


def changed(book: Levels, changes: Iterable[LevelChange]) -> Levels:
    """Return the book after `changes`, one after the other."""
    after = {side: dict(levels) for side, levels in book.items()}
    for side, price, quantity in changes:
        after[side][price] = quantity
        if not quantity:
            del after[side][price]
    return after


def difference(before: Levels, after: Levels, depth: int) -> int:
    """Return how many levels of the best `depth` differ between two books."""
    windows = [{(side, *level) for side in Side for level in best(book, side, depth)} for book in (before, after)]
    return len({(side, price) for side, price, _ in windows[0] ^ windows[1]})


class Client:
    """Holds what the snapshot said and applies updates, checking at each that its book makes sense."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.book = empty()
        self.sequence: int | None = None

    def snapshot(self, bids: Iterable[Level], asks: Iterable[Level], sequence: int) -> None:
        """Start again."""
        self.book = {Side.BUY: dict(bids), Side.SELL: dict(asks)}
        self.sequence = sequence
        self._check()

    def update(self, side: Side, price: int, quantity: int, action: str, sequence: int) -> None:
        """Apply one level: nothing may be missing, and each action must fit what is held."""
        assert self.sequence is not None
        assert sequence == self.sequence + 1
        assert (action == "add") == (price not in self.book[side])
        assert (action == "delete") == (quantity == 0)
        self.sequence = sequence
        self.book = changed(self.book, [(side, price, quantity)])
        self._check()

    def holds(self, book: Levels) -> bool:
        """Whether this is exactly the best of `book`."""
        return all(best(self.book, side, self.depth + 1) == best(book, side, self.depth) for side in Side)

    def _check(self) -> None:
        assert all(len(levels) <= self.depth for levels in self.book.values())
        assert not crossed(self.book)
