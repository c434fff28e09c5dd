"""The audit of the fault tests finds what it is there for, and passes a healthy server with its clients."""

import copy
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from cluster.faults.audit import Audit
from cluster.faults.lines import Line
from cluster.faults.node_clients import NodeClients, node_clients
from cluster.faults.seen import CHANNELS, SYMBOL, Account, Clients, Expected, Seen
from cluster.faults.traders import PythonClients, python_clients
from finalex.exchange.engine import Engine
from finalex.exchange.outcomes import Canceled, Placed, Refused
from finalex.exchange.state import ExchangeState
from finalex.model.commands import CancelOrder, Command, Credit, PlaceOrder
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import OrderType, Side, order_id_text
from finalex.sources.exchange import ExchangeSource
from support.server import Server, serving

FUNDS = 10**15
START_MS = 1_700_000_000_000


def order(user: str, name: str, side: Side, quantity: int = 1_000_000) -> PlaceOrder:
    return PlaceOrder(
        user=user,
        symbol=SYMBOL,
        side=side,
        type=OrderType.LIMIT,
        quantity=quantity,
        price=4_500_000,
        client_order_id=name,
    )


def happened() -> tuple[list[Batch], Seen]:
    """Return a short log, and what ann was told of it: a trade, a refusal and a cancel."""
    commands: list[Command] = [
        *(Credit(user=user, currency="USDT", amount=FUNDS, reference="1") for user in ("ann", "bob")),
        Credit(user="bob", currency="BTC", amount=FUNDS, reference="2"),
        order("bob", "bob-1", Side.SELL),
        order("ann", "ann-1", Side.BUY),
        order("ann", "ann-2", Side.SELL, FUNDS),
        order("ann", "ann-3", Side.BUY),
        CancelOrder(user="ann", client_order_id="ann-3"),
    ]
    engine, batches, seen = Engine(ExchangeState(DEFAULT_INSTRUMENTS)), list[Batch](), Seen("ann")
    for number, command in enumerate(commands, 1):
        events, outcome = engine.execute(command, START_MS + number)
        batches.append(Batch(sequence=number, time_ms=START_MS + number, events=events))
        if isinstance(command, PlaceOrder) and command.user == "ann":
            name = str(command.client_order_id)
            match outcome:
                case Placed(placed):
                    seen.placed[name] = order_id_text(placed.number, placed.created_ms)
                case Refused(refused):
                    seen.refused[name] = str(refused.reason)
        if isinstance(outcome, Canceled):
            seen.canceled.update(order_id_text(each.number, each.created_ms) for each in outcome.orders)
    return batches, seen


def audited(batches: list[Batch], seen: Seen, *, doctored: Callable[[Seen], object] | None = None) -> None:
    audit = Audit(["ann"])
    audit.read(batches)
    expected = audit.expected()["ann"]
    whole = replace(seen, **{name: copy.deepcopy(getattr(expected, name)) for name in ("told", "book", "balances")})
    if doctored is not None:
        doctored(whole)
    audit.check_money()
    audit.check(whole, expected)


def test_what_happened_passes() -> None:
    batches, seen = happened()
    assert seen.placed.keys() == {"ann-1", "ann-3"}
    assert seen.refused.keys() == {"ann-2"}
    assert len(seen.canceled) == 1
    audited(batches, seen)


@pytest.mark.parametrize(
    ("doctored", "complaint"),
    [
        (lambda seen: seen.placed.update({"ann-9": "x"}), "acknowledged and is lost"),
        (lambda seen: seen.placed.update({"ann-2": "x"}), "refused in the log"),
        (lambda seen: seen.placed.update({"ann-1": seen.placed["ann-3"]}), "another order"),
        (lambda seen: seen.refused.update({"ann-1": "x"}), "accepted in the log"),
        (lambda seen: seen.refused.update({"ann-2": "x"}), "another reason"),
        (lambda seen: seen.abandoned.add("ann-1"), "in the log all the same"),
        (lambda seen: seen.canceled.add("x"), "the cancel of x"),
        (lambda seen: seen.gaps.append("x"), "missed messages"),
        (lambda seen: seen.book.update(sequence=0), "the book of ann"),
        (lambda seen: seen.balances.pop(), "the balances of ann"),
        *((lambda seen, name=name: seen.told[name].pop(), f"{name} of ann") for name in CHANNELS),
        *((lambda seen, name=name: seen.told[name].append(seen.told[name][-1]), f"{name} of ann") for name in CHANNELS),
    ],
)
def test_what_did_not_happen_is_found(doctored: Callable[[Seen], object], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        audited(*happened(), doctored=doctored)


def test_a_hole_in_the_log_is_found() -> None:
    batches, seen = happened()
    with pytest.raises(AssertionError, match="batch 3 after 1"):
        audited([batches[0], *batches[2:]], seen)


def test_an_order_that_is_in_the_log_twice_is_found() -> None:
    batches, seen = happened()
    again = batches[4]
    with pytest.raises(AssertionError, match="two beginnings"):
        audited([*batches, Batch(sequence=len(batches) + 1, time_ms=again.time_ms + 9, events=again.events)], seen)


@asynccontextmanager
async def clients_of(server: Server, port: int) -> AsyncIterator[tuple[PythonClients, NodeClients]]:
    ann, bob, cid, dan = (
        Account(user, server.token(user), f"ws://127.0.0.1:{port}") for user in ("ann", "bob", "cid", "dan")
    )
    async with python_clients([ann, bob], Random(1)) as python, node_clients([cid, dan]) as node:
        yield python, node


async def test_clients_over_a_line_that_is_cut_end_with_what_the_server_has(tmp_path: Path) -> None:
    settings = {"source": "exchange", "orders_per_second_max": "0", "connections_per_ip": "100"}
    async with serving(**settings) as server, Line([server.port]) as line, clients_of(server, line.port) as clients:
        audit, everybody = Audit([user for each in clients for user in each.users]), clients[0]
        seen: list[Seen] = []
        while not (enough(seen, audit.users) or len(seen) > 100):
            for each in clients:
                await each.go()
            await everybody.until_each(lambda trader: trader.accepted_s > 0)
            line.cut()
            cut_s = time.monotonic()
            line.mend()
            await everybody.until_each(lambda trader, after_s=cut_s: trader.accepted_s > after_s)  # type: ignore[misc]
            seen += await settle(server, clients, audit)
    assert enough(seen, audit.users)


def enough(seen: list[Seen], users: Collection[str]) -> bool:
    """Tell whether everybody has placed orders and seen trades, and somebody has canceled one."""
    busy = {each.user for each in seen if each.placed and each.told["trades"]}
    return busy == set(users) and any(each.canceled for each in seen)


async def settle(server: Server, clients: Sequence[Clients], audit: Audit) -> list[Seen]:
    """Let everybody rest, and compare all that they were told with the log."""
    for each in clients:
        await each.rest()
    assert isinstance(server.source, ExchangeSource)
    audit.read(server.source._log.read(audit.hub.sequence))
    audit.check_money()
    expected: dict[str, Expected] = audit.expected()
    taken = [seen for each in clients for seen in await each.take(expected)]
    for seen in taken:
        audit.check(seen, expected[seen.user])
    return taken
