"""`status`: what a market takes, and whether its book can be trusted, as subscribers read it."""

import pytest

from channels.feed import START_MS, Feed, fields, of
from finalex.channels.hub import Hub
from finalex.model.events import BookWithdrawn, MarketStateChanged
from finalex.model.orders import Side
from finalex.model.states import MarketState
from finalex.protocol.errors import RequestError
from finalex.protocol.streams import Stream

BTC, ETH = "BTC/USDT", "ETH/USDT"


def changed(feed: Feed, state: MarketState, reason: str = "", symbol: str = BTC) -> MarketStateChanged:
    return MarketStateChanged(symbol=symbol, state=state, reason=reason, time_ms=feed.now_ms)


def withdrawn(feed: Feed) -> BookWithdrawn:
    return BookWithdrawn(symbol=BTC, reason="gap", time_ms=feed.now_ms)


def test_a_newcomer_gets_the_present_status() -> None:
    feed = Feed()
    feed.batch()
    (publication,) = feed.opening("status", symbol=BTC)
    assert fields(publication.data) == {"symbol": BTC, "state": "open", "book": "live", "timestamp": START_MS}


def test_without_a_symbol_it_is_that_of_all_markets() -> None:
    assert [fields(each.data)["symbol"] for each in Feed().opening("status")] == [BTC, ETH]


def test_a_change_is_published_to_those_of_the_market_and_those_of_all() -> None:
    feed = Feed()
    (publication,) = of(feed.batch(changed(feed, MarketState.HALTED, "news")), "status")
    assert publication.streams == (Stream("status", BTC), Stream("status"))
    assert publication.id == "status:BTC/USDT:1"
    assert fields(publication.data) == {
        "symbol": BTC,
        "state": "halted",
        "book": "live",
        "reason": "news",
        "timestamp": START_MS,
    }


def test_several_changes_of_a_batch_are_one_message_with_the_last() -> None:
    feed = Feed()
    changes = [changed(feed, state) for state in (MarketState.HALTED, MarketState.CANCEL_ONLY, MarketState.OPEN)]
    assert [fields(each.data)["state"] for each in of(feed.batch(*changes), "status")] == ["open"]


def test_a_book_that_is_withdrawn_and_comes_back_is_said_once_each() -> None:
    feed = Feed()
    seen = [
        feed.batch(feed.reset(bids=[(90, 1)], asks=[(100, 1)])),
        feed.batch(withdrawn(feed)),
        feed.batch(withdrawn(feed)),
        feed.batch(feed.reset(bids=[(90, 1)], asks=[(100, 1)])),
        feed.batch(feed.levels((Side.BUY, 91, 2))),
    ]
    assert [[fields(each.data)["book"] for each in of(part, "status")] for part in seen] == [
        [],
        ["withdrawn"],
        [],
        ["live"],
        [],
    ]


def test_a_crossed_book_is_withdrawn_as_well() -> None:
    feed = Feed()
    feed.batch(feed.reset(bids=[(90, 1)], asks=[(100, 1)]))
    published = feed.batch(feed.levels((Side.BUY, 110, 1)))
    assert [fields(each.data)["book"] for each in of(published, "status")] == ["withdrawn"]


def test_a_newcomer_later_gets_the_last_change() -> None:
    feed = Feed()
    feed.batch(changed(feed, MarketState.POST_ONLY))
    feed.after(60_000)
    feed.batch()
    (publication,) = feed.opening("status", symbol=BTC)
    assert publication.id == "status:BTC/USDT:1:snapshot"
    assert fields(publication.data)["timestamp"] == START_MS


def test_a_hub_from_a_snapshot_goes_on_with_it() -> None:
    feed = Feed()
    feed.batch(changed(feed, MarketState.HALTED, "news"), withdrawn(feed))
    loaded = Hub(feed.hub.instruments)
    loaded.load(feed.hub.save())
    before, feed.hub = feed.opening("status"), loaded
    assert feed.opening("status") == before
    assert of(feed.batch(withdrawn(feed)), "status") == []


def test_an_unknown_market_has_no_status() -> None:
    with pytest.raises(RequestError):
        Feed().opening("status", symbol="XYZ/USDT")


# --- while the exchange cannot be reached ---------------------------------------------------------------

EVERYTHING = (Stream("status", BTC), Stream("status", ETH), Stream("status"))


def test_all_markets_are_halted_while_nobody_can_be_reached_and_then_what_they_are() -> None:
    feed = Feed()
    feed.batch(changed(feed, MarketState.CANCEL_ONLY, "news"))
    away = feed.hub.overrule_status("exchange_unavailable", EVERYTHING)
    back = feed.hub.overrule_status(None, EVERYTHING)

    assert [each.id for each in away] == [
        "status:BTC/USDT:1:exchange_unavailable:1",
        "status:ETH/USDT:0:exchange_unavailable:1",
    ]
    assert {(fields(each.data)["state"], fields(each.data)["reason"]) for each in away} == {
        ("halted", "exchange_unavailable")
    }
    assert [each.id for each in back] == ["status:BTC/USDT:1:back:1", "status:ETH/USDT:0:back:1"]
    assert [fields(each.data)["state"] for each in back] == ["cancel_only", "open"]
    assert fields(back[0].data)["reason"] == "news"


def test_a_newcomer_meanwhile_gets_the_same() -> None:
    feed = Feed()
    feed.hub.overrule_status("exchange_unavailable", ())
    (meanwhile,) = feed.opening("status", symbol=BTC)
    feed.hub.overrule_status(None, ())
    (later,) = feed.opening("status", symbol=BTC)

    assert fields(meanwhile.data)["reason"] == "exchange_unavailable"
    assert fields(later.data)["state"] == "open"


def test_only_those_who_listen_are_told_and_it_is_the_last_message_that_they_had() -> None:
    feed = Feed()
    feed.batch()
    (publication,) = feed.hub.overrule_status("exchange_unavailable", (Stream("status", ETH),))
    position = feed.hub.position(Stream("status", ETH))

    assert publication.streams == (Stream("status", ETH),)
    assert position is not None
    assert position.publication is publication


def test_no_snapshot_says_that_nobody_could_be_reached() -> None:
    feed = Feed()
    before = feed.hub.save()
    feed.hub.overrule_status("exchange_unavailable", ())

    assert feed.hub.save() == before
