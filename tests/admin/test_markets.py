"""The operator's kill switch: market states asked for, changed durably, and told."""

import asyncio

import pytest

from admin.office import Office, error
from finalex.admin.messages import ErrorCode, MarketsReply, MarketText, Reply, SetMarket, ShowMarkets
from finalex.exchange.outcomes import Failed, Unavailable
from finalex.model.events import MarketStateChanged
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.states import MarketState

HALT = SetMarket(symbol="BTC/USDT", state=MarketState.HALTED, reason="news")


def markets(reply: Reply) -> tuple[MarketText, ...]:
    assert isinstance(reply, MarketsReply)
    return reply.markets


async def test_a_market_is_halted_and_the_log_says_why(office: Office) -> None:
    assert markets(await office.ask(HALT)) == (MarketText(symbol="BTC/USDT", state=MarketState.HALTED, reason="news"),)
    assert office.exchange.events == [
        MarketStateChanged(symbol="BTC/USDT", state=MarketState.HALTED, reason="news", time_ms=1)
    ]
    assert office.audited == [
        ("market_set", {"symbols": ["BTC/USDT"], "state": "halted", "reason": "news", "done": True})
    ]


async def test_all_markets_are_halted_at_once(office: Office) -> None:
    reply = await office.ask(SetMarket(symbol=None, state=MarketState.CANCEL_ONLY))
    assert [market.state for market in markets(reply)] == [MarketState.CANCEL_ONLY] * len(DEFAULT_INSTRUMENTS)
    assert len(office.exchange.events) == len(DEFAULT_INSTRUMENTS)


async def test_the_reply_comes_when_the_state_is_durable(office: Office) -> None:
    office.exchange.hold = True
    asked = asyncio.ensure_future(office.ask(HALT))
    await office.exchange.taken()
    assert not asked.done()
    office.exchange.sync()
    assert markets(await asked)[0].state is MarketState.HALTED


async def test_the_states_are_shown(office: Office) -> None:
    await office.ask(HALT)
    states = {market.symbol: market.state for market in markets(await office.ask(ShowMarkets()))}
    assert states == dict.fromkeys(DEFAULT_INSTRUMENTS, MarketState.OPEN) | {"BTC/USDT": MarketState.HALTED}


async def test_an_unknown_market_is_said_with_the_nearest(office: Office) -> None:
    reply = await office.ask(SetMarket(symbol="BTC-USDT", state=MarketState.HALTED))
    assert error(reply) == (ErrorCode.NOT_FOUND, "There is no market 'BTC-USDT'. Did you mean BTC/USDT?")


@pytest.mark.parametrize("reason", ["x" * 201, "a\nb", "\x1b[31m"])
async def test_a_reason_is_one_short_printable_line(office: Office, reason: str) -> None:
    reply = await office.ask(SetMarket(symbol="BTC/USDT", state=MarketState.HALTED, reason=reason))
    assert error(reply)[0] is ErrorCode.INVALID_REQUEST
    assert office.exchange.events == []


async def test_a_server_without_orders_has_nothing_to_halt(office: Office) -> None:
    office.exchange.trading = False
    assert error(await office.ask(HALT))[0] is ErrorCode.DECLINED


async def test_what_the_exchange_does_not_do_is_said(office: Office) -> None:
    office.exchange.failure = Unavailable()
    assert error(await office.ask(HALT))[0] is ErrorCode.DECLINED
    office.exchange.failure = Failed()
    assert error(await office.ask(HALT))[0] is ErrorCode.FAILED
