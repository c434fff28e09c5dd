"""The local book: any sequence of updates makes the levels that a plain dictionary has."""

from hypothesis import given
from hypothesis import strategies as st

from finalex.client.local_book import LocalBook
from finalex.protocol.messages import BookSnapshotData, BookUpdateData

CHANGES = st.lists(st.tuples(st.sampled_from(("buy", "sell")), st.integers(1, 30), st.integers(0, 5)), max_size=60)


def snapshot(sequence: int = 0, *bids: tuple[str, str]) -> BookSnapshotData:
    return BookSnapshotData(symbol="A/B", depth=20, timestamp=1, sequence=sequence, bids=list(bids), asks=[])


def update(sequence: int, side: str, price: str, quantity: str, action: str) -> BookUpdateData:
    return BookUpdateData(
        symbol="A/B", depth=20, side=side, price=price, quantity=quantity, action=action, timestamp=2, sequence=sequence
    )


@given(CHANGES)
def test_updates_make_the_levels_best_first(changes: list[tuple[str, int, int]]) -> None:
    book = LocalBook()
    book.reset(snapshot())
    plain: dict[str, dict[int, int]] = {"buy": {}, "sell": {}}
    for sequence, (side, price, quantity) in enumerate(changes, 1):
        action = "delete" if not quantity else "update" if price in plain[side] else "add"
        plain[side].pop(price, None)
        if quantity:
            plain[side][price] = quantity
        assert book.apply(update(sequence, side, f"{price}.00", str(quantity), action))
    assert book.bids.best(100) == [(f"{p}.00", str(q)) for p, q in sorted(plain["buy"].items(), reverse=True)]
    assert book.asks.best(100) == [(f"{p}.00", str(q)) for p, q in sorted(plain["sell"].items())]
    assert len(book.bids) == len(plain["buy"])
    assert book.sequence == len(changes)


def test_an_update_that_does_not_follow_breaks_the_book_until_a_snapshot() -> None:
    book = LocalBook()
    book.reset(snapshot(7, ("10.00", "1")))
    assert not book.apply(update(9, "buy", "11.00", "1", "add"))
    assert [book.whole] == [False]
    assert not book.apply(update(10, "buy", "11.00", "1", "add"))
    assert book.breaks == 1
    assert book.bids.best(5) == [("10.00", "1")]
    book.reset(snapshot(10, ("11.00", "1")))
    assert [book.whole] == [True]
    assert book.bids.best(5) == [("11.00", "1")]


def test_a_withdrawn_book_says_so() -> None:
    book = LocalBook()
    book.reset(BookSnapshotData(symbol="A/B", depth=20, bids=[], asks=[], timestamp=1, sequence=3, stale=True))
    assert book.stale is True
    book.reset(snapshot(4))
    assert [book.stale] == [False]
