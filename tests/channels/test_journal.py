"""The journal keeps the last entries of each account, and knows what it has forgotten."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from finalex.channels.journal import Journal, SavedJournal


class Note(msgspec.Struct, frozen=True):
    user: str
    number: int


def journal(entries: list[tuple[str, int]], account_max: int = 3, entries_max: int = 100) -> Journal[Note]:
    made: Journal[Note] = Journal(account_max, entries_max)
    for user, number in entries:
        made.add(Note(user, number))
    return made


def numbers(kept: Journal[Note], user: str) -> list[int]:
    return [entry.number for entry in kept.of(user)]


def forgotten(kept: Journal[Note], user: str) -> int | None:
    entry = kept.forgotten(user)
    return None if entry is None else entry.number


def test_so_many_entries_are_kept_of_each_account() -> None:
    kept = journal([("ann", number) for number in range(5)] + [("bob", 5)])
    assert numbers(kept, "ann") == [2, 3, 4]
    assert numbers(kept, "bob") == [5]
    assert (forgotten(kept, "ann"), forgotten(kept, "bob")) == (1, None)


def test_of_an_account_without_entries_there_is_nothing() -> None:
    assert numbers(journal([]), "ann") == []
    assert forgotten(journal([]), "ann") is None


def test_past_the_limit_over_all_the_account_quiet_for_longest_is_forgotten() -> None:
    entries = [("ann", 1), ("bob", 2), ("bob", 3), ("ann", 4), ("cat", 5)]
    kept = journal(entries, entries_max=5)
    assert numbers(kept, "bob") == [2, 3]
    kept.add(Note("cat", 6))
    assert (numbers(kept, "ann"), numbers(kept, "bob"), numbers(kept, "cat")) == ([1, 4], [], [5, 6])
    assert (forgotten(kept, "ann"), forgotten(kept, "bob")) == (None, 3)
    for number in range(7, 10):
        kept.add(Note("cat", number))
    assert (numbers(kept, "ann"), numbers(kept, "cat")) == ([1, 4], [7, 8, 9])
    assert forgotten(kept, "cat") == 6


def test_an_account_alone_can_fill_it() -> None:
    kept = journal([("ann", number) for number in range(3)], account_max=5, entries_max=2)
    assert (numbers(kept, "ann"), forgotten(kept, "ann")) == ([], 2)


ENTRIES = st.lists(st.tuples(st.sampled_from(("ann", "bob", "cat")), st.integers(0, 9)), max_size=60)


@given(before=ENTRIES, after=ENTRIES)
def test_everything_after_what_was_forgotten_last_is_there(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    entries = [(user, place) for place, (user, _) in enumerate(before + after)]
    kept = journal(entries, account_max=4, entries_max=7)
    for user in ("ann", "bob", "cat"):
        last = forgotten(kept, user)
        assert numbers(kept, user) == [
            place for who, place in entries if who == user and (last is None or place > last)
        ]
    assert sum(len(kept.of(user)) for user in ("ann", "bob", "cat")) <= 7


@given(before=ENTRIES, after=ENTRIES)
def test_it_goes_on_identically_when_saved_and_loaded(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    living, loaded = journal(before, 4, 7), journal([], 4, 7)
    loaded.load(msgspec.json.decode(msgspec.json.encode(living.save()), type=SavedJournal[Note]))
    for user, number in after:
        living.add(Note(user, number))
        loaded.add(Note(user, number))
    assert msgspec.json.encode(loaded.save()) == msgspec.json.encode(living.save())


def test_one_loaded_with_smaller_limits_forgets_the_rest() -> None:
    loaded = journal([], account_max=1)
    loaded.load(journal([("ann", number) for number in range(5)]).save())
    assert (numbers(loaded, "ann"), forgotten(loaded, "ann")) == ([4], 3)


def test_what_is_saved_follows_no_later_change() -> None:
    kept = journal([("ann", 1)])
    saved = kept.save()
    kept.add(Note("ann", 2))
    assert saved.kept == {"ann": [Note("ann", 1)]}
