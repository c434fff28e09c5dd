"""Windows of the best levels: what a change of a side means for whoever holds only the best `depth` of it.

A window gains and loses levels in two ways: by the change itself, and because other levels shift across its end.
Both follow from ranks alone: the levels that are there before and after a change keep their order, so those of the
old window and those of the new one are both the first so many of them.
"""

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

from finalex.market.book import LevelSide, SideChange
from finalex.model.orders import Side

_rank = itemgetter(0)


class Action(StrEnum):
    """What happens to a level in a window."""

    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"


class LevelUpdate(NamedTuple):
    """One level of a window: its new total quantity (zero for a delete) and its number in the window's stream."""

    side: Side
    price: int
    quantity: int
    action: Action
    sequence: int


class _Shift(NamedTuple):
    """How many levels of a window the change itself deletes and adds, and how many others it holds before and after."""

    deleted: int
    added: int
    others_before: int
    others_after: int


def count_updates(change: SideChange, depth: int) -> int:
    """Return how many updates `change` is for the best `depth` levels, without building them."""
    shift = _shift(change, depth)
    updated = bisect_left(change.updated, min(shift.others_before, shift.others_after), key=_rank)
    return shift.deleted + shift.added + abs(shift.others_before - shift.others_after) + updated


def build_updates(changes: Sequence[SideChange], depth: int, sequence_last: int) -> list[LevelUpdate]:
    """Return what one event's `changes` are for the best `depth` levels; the last is numbered `sequence_last`.

    All deletes come first, worst price first, then all adds, best first, then the updates. So a window is never
    larger than `depth`, and as it only ever holds levels that the book before and after have in common, or those
    of the book after, it is never crossed if neither book is.
    """
    deletes: list[tuple[LevelSide, int, Action]] = []
    adds: list[tuple[LevelSide, int, Action]] = []
    updates: list[tuple[LevelSide, int, Action]] = []
    for change in changes:
        left, entered, changed = _moves(change, depth)
        deletes += [(change.side, key, Action.DELETE) for key in sorted(left, reverse=True)]
        adds += [(change.side, key, Action.ADD) for key in sorted(entered)]
        updates += [(change.side, key, Action.UPDATE) for key in changed]
    moves = deletes + adds + updates
    first = sequence_last - len(moves) + 1
    return [_update(side, key, action, first + n) for n, (side, key, action) in enumerate(moves)]


def _update(side: LevelSide, key: int, action: Action, sequence: int) -> LevelUpdate:
    price = side.sign * key
    return LevelUpdate(side.side, price, 0 if action is Action.DELETE else side.quantities[price], action, sequence)


def _shift(change: SideChange, depth: int) -> _Shift:
    deleted = bisect_left(change.deleted, depth, key=_rank)
    added = bisect_left(change.added, depth, key=_rank)
    return _Shift(deleted, added, min(change.size_before, depth) - deleted, min(len(change.side.keys), depth) - added)


def _moves(change: SideChange, depth: int) -> tuple[list[int], list[int], list[int]]:
    """Return the keys of the levels that leave the window, enter it, and change within it."""
    shift = _shift(change, depth)
    left = [key for _, key in change.deleted[: shift.deleted]]
    entered = [key for _, key in change.added[: shift.added]]
    keys, new = change.side.keys, {key for _, key in change.added}
    if shift.others_before > shift.others_after:
        pushed_out = (keys[rank] for rank in range(depth, len(keys)) if keys[rank] not in new)
        left += islice(pushed_out, shift.others_before - shift.others_after)
    elif shift.others_before < shift.others_after:
        pulled_in = (keys[rank] for rank in range(min(depth, len(keys)) - 1, -1, -1) if keys[rank] not in new)
        entered += islice(pulled_in, shift.others_after - shift.others_before)
    staying = min(shift.others_before, shift.others_after)
    return left, entered, [key for rank, key in change.updated if rank < staying]
