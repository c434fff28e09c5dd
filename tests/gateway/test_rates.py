"""Token buckets."""

from finalex.gateway.rates import ADDRESSES_MAX, Bucket, Buckets

NOW_MS = 1_000_000


def test_a_bucket_gives_its_size_at_once_and_then_nothing() -> None:
    bucket = Bucket(3, 60_000, NOW_MS)
    assert [bucket.take(1, NOW_MS) for _ in range(4)] == [True, True, True, False]


def test_it_fills_evenly() -> None:
    bucket = Bucket(60, 60_000, NOW_MS)
    assert bucket.take(60, NOW_MS)
    assert not bucket.take(1, NOW_MS + 999)
    assert bucket.take(1, NOW_MS + 1000)
    assert not bucket.take(1, NOW_MS + 1001)


def test_it_never_holds_more_than_its_size() -> None:
    bucket = Bucket(2, 1000, NOW_MS)
    assert [bucket.take(1, NOW_MS + 3_600_000) for _ in range(3)] == [True, True, False]


def test_it_tells_what_was_taken_lately() -> None:
    bucket = Bucket(100, 1000, NOW_MS)
    assert bucket.taken == 0
    assert bucket.take(60, NOW_MS)
    assert bucket.taken == 60
    assert bucket.take(10, NOW_MS + 500)
    assert bucket.taken == 20


def test_what_is_not_there_is_not_taken_in_part() -> None:
    bucket = Bucket(10, 1000, NOW_MS)
    assert not bucket.take(11, NOW_MS)
    assert bucket.take(10, NOW_MS)


def test_each_address_has_its_own() -> None:
    buckets = Buckets(1, 60_000)
    assert buckets.of("a", NOW_MS).take(1, NOW_MS)
    assert not buckets.of("a", NOW_MS).take(1, NOW_MS)
    assert buckets.of("b", NOW_MS).take(1, NOW_MS)


def test_only_so_many_are_remembered_those_used_last() -> None:
    buckets = Buckets(1, 60_000)
    for address in ("first", "again"):
        assert buckets.of(address, NOW_MS).take(1, NOW_MS)
    for number in range(ADDRESSES_MAX - 1):
        buckets.of(str(number), NOW_MS)
        buckets.of("again", NOW_MS)
    assert not buckets.of("again", NOW_MS).take(1, NOW_MS)
    assert buckets.of("first", NOW_MS).take(1, NOW_MS)
