"""A whole server that shows an upstream."""

import sys
from typing import Any

import pytest

from finalex.sources.upstream import opening
from finalex.sources.upstream.port import FeedError
from finalex.sources.upstream.source import UpstreamSource
from finalex.sourcing import describe_source
from finalex.starting import StartError
from sources.upstream.playing import FakeFeed, book
from support.server import Client, serving

SYMBOL = "BTC/USDT"


async def next_book(client: Client, stale: bool) -> dict[str, Any]:
    message = await client.next(
        lambda each: each["type"] == "orderbook_snapshot" and each["data"].get("stale", False) is stale
    )
    data: dict[str, Any] = message["data"]
    return data


async def test_clients_see_when_there_is_a_book(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = FakeFeed()
    monkeypatch.setattr(opening, "open_feed", lambda name: feed)
    async with serving(source="upstream:fake") as server, server.client() as client:
        assert isinstance(server.source, UpstreamSource)
        await client.request("subscribe", channel="orderbook", symbol=SYMBOL, depth=5)
        assert (await next_book(client, stale=True))["bids"] == []
        assert describe_source(server.config, server.source) == "upstream:fake, 0 of 8 books live"
        feed.show(book(("100", "1"), asks=[("101", "2")]))
        assert (await next_book(client, stale=False))["bids"] == [["100.00", "1.00000000"]]
        assert describe_source(server.config, server.source) == "upstream:fake, 1 of 8 books live"
        feed.show(FeedError("gone"))
        assert (await next_book(client, stale=True))["asks"] == []
    assert feed.closed


async def test_without_ccxt_the_server_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    with pytest.raises(StartError, match=r"needs the library ccxt, which is not installed"):
        async with serving(source="upstream:binance"):
            pass
