"""Limits that are counted together with other gateways."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from finalex.gateway.admission import Admission, Verdict
from support.conversation import token
from support.elsewhere import Others
from support.served import Served, serve
from support.sockets import RawWebSocket

HERE, NOW_MS = "192.0.2.1", 1_000_000
LOCAL = "127.0.0.1"


# --- counting -------------------------------------------------------------------------------------------


def test_what_others_have_counts() -> None:
    others = Others(**{HERE: 9})
    admission = Admission(10, 3, others)
    assert admission.remaining(HERE) == 1
    assert [admission.judge(HERE, NOW_MS) for _ in range(2)] == [Verdict.ADMIT, Verdict.REFUSE]
    assert admission.remaining(HERE) == 0
    others.has[HERE] = 8
    assert admission.remaining(HERE) == 1
    assert admission.judge(HERE, NOW_MS) is Verdict.ADMIT


def test_more_than_may_be_leaves_no_room_and_no_debt() -> None:
    admission = Admission(10, 3, Others(**{HERE: 25}))
    assert admission.remaining(HERE) == 0
    assert admission.judge(HERE, NOW_MS) is Verdict.REFUSE


def test_others_are_told_who_comes_and_goes_and_not_who_is_refused() -> None:
    others = Others()
    admission = Admission(2, 3, others)
    for _ in range(3):
        admission.judge(HERE, NOW_MS)
    admission.leave(HERE)
    admission.leave(HERE)
    assert others.told == [(HERE, 1), (HERE, 2), (HERE, 1), (HERE, 0)]


def test_a_64_network_of_ipv6_is_one_address_everywhere() -> None:
    others = Others(**{"2001:db8::/64": 9})
    admission = Admission(10, 3, others)
    assert admission.remaining("2001:db8::7") == 1
    assert admission.judge("2001:db8::7", NOW_MS) is Verdict.ADMIT
    admission.leave("2001:db8::7")
    assert others.told == [("2001:db8::/64", 1), ("2001:db8::/64", 0)]


# --- ending ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def guests(served: Served, paths: Sequence[str]) -> AsyncIterator[list[RawWebSocket]]:
    """Connect one after the other and read the greetings."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await served.connect(path)) for path in paths]
        for client in clients:
            assert (await client.message())["type"] == "connection_status"
        yield clients


async def assert_over_limit(client: RawWebSocket, details: str) -> None:
    error = (await client.message())["data"]
    assert (error["code"], error["details"]) == ("CONNECTION_LIMIT", details)
    assert await client.close_code() == 1008


async def assert_alive(client: RawWebSocket) -> None:
    client.request("ping")
    assert (await client.message())["type"] == "pong"


async def test_the_youngest_of_an_address_go_and_are_told_why() -> None:
    async with serve() as served, guests(served, ["/"] * 4) as clients:
        assert served.gateway.end_excess(2, address=LOCAL) == 2
        for client in clients[2:]:
            await assert_over_limit(client, "close another connection from this address first")
        for client in clients[:2]:
            await assert_alive(client)


async def test_those_that_end_already_are_not_made_up_for_by_others() -> None:
    async with serve() as served, guests(served, ["/"] * 3) as clients:
        assert served.gateway.end_excess(1, address=LOCAL) == 1
        assert served.gateway.end_excess(1, address=LOCAL) == 0
        assert served.gateway.end_excess(2, address=LOCAL) == 1
        await assert_alive(clients[0])


@pytest.mark.parametrize("count", [0, -1])
async def test_no_excess_ends_nobody(count: int) -> None:
    async with serve() as served, guests(served, ["/"]) as clients:
        assert served.gateway.end_excess(count, address=LOCAL) == 0
        assert served.gateway.end_excess(5, address="192.0.2.9") == 0
        await assert_alive(clients[0])


async def test_the_youngest_of_an_account_go_and_nobody_else() -> None:
    others = Others()
    ann, bob = f"/?token={token('ann')}", f"/?token={token('bob')}"
    async with (
        serve(elsewhere=others, connections_per_account=3) as served,
        guests(served, [ann, ann, bob, "/"]) as (first, second, other, nobody),
    ):
        assert served.gateway.end_excess(1, user="ann") == 1
        await assert_over_limit(second, "close another connection of this account first: it may have 3")
        for client in (first, other, nobody):
            await assert_alive(client)
        await second.close()
        await served.left_with(3)
        assert [told for told in others.told if told[0] != LOCAL] == [("ann", 1), ("ann", 2), ("bob", 1), ("ann", 1)]


async def test_an_account_whose_connections_are_elsewhere_is_refused_here() -> None:
    async with serve(elsewhere=Others(ann=3), connections_per_account=3) as served:
        async with await served.connect(f"/?token={token('ann')}") as client:
            await assert_over_limit(client, "close another connection of this account first: it may have 3")
        async with guests(served, [f"/?token={token('bob')}"]) as (other,):
            await assert_alive(other)


async def test_what_is_left_for_an_address_is_said_with_what_others_have() -> None:
    async with serve(elsewhere=Others(**{LOCAL: 6})) as served, await served.connect("/") as client:
        assert (await client.message())["data"]["rate_limits"]["connections_remaining"] == 3


async def test_an_account_without_a_limit_is_nobodys_business() -> None:
    others = Others(ann=1000)
    async with serve(elsewhere=others) as served, guests(served, [f"/?token={token('ann')}"]) as (client,):
        await assert_alive(client)
        assert others.told == [(LOCAL, 1)]
