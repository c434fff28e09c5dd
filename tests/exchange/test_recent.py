from finalex.exchange.recent import Recent


def test_one_entry_too_many_forgets_the_oldest() -> None:
    recent: Recent[int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.put("c", 3)
    assert list(recent.items()) == [("b", 2), ("c", 3)]
    assert "a" not in recent
    assert recent.get("a") is None
    assert recent.get("c") == 3
    assert len(recent) == 2


def test_an_entry_put_again_is_the_newest() -> None:
    recent: Recent[int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.put("a", 3)
    recent.put("c", 4)
    assert list(recent.items()) == [("a", 3), ("c", 4)]
