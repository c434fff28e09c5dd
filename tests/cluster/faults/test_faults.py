"""Faults under order load: whatever dies, stops or is cut off, nothing acknowledged is lost, doubled or contradicted.

`make cluster-faults` does everything many times, and prints how long it took until orders were accepted again.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from cluster.faults.cluster import TAKEOVER_MS, Cluster, running_cluster
from cluster.faults.faults import Fault, Stopwatch, faults
from cluster.faults.node_clients import node_clients
from cluster.faults.recovery_times import Recovery, RecoveryTimes
from cluster.faults.seen import SYMBOL, Clients
from cluster.faults.traders import UNAVAILABLE, PythonClients, python_clients
from finalex.client.client import connect
from support.nats_servers import skip_without_nats

ROUNDS = int(os.environ.get("FINALEX_TEST_FAULT_ROUNDS", "0"))
"""So often each fault happens; 0: once, and shorter."""
SEED = int(os.environ.get("FINALEX_TEST_SEED", "1"))
PAUSE_S = 30.0 if ROUNDS else 3 * TAKEOVER_MS / 1000
RECOVERY_TIMEOUT_S = 60.0
OF_PYTHON, OF_NODE = ("ann", "bob", "cid"), ("dan", "eve")

Everybody = tuple[PythonClients, Clients]


def chosen(*names: str) -> list[Fault]:
    """Return these faults."""
    return [fault for fault in faults(pause_s=PAUSE_S) if fault.name in names]


@pytest.mark.timeout(max(300, ROUNDS * 900))
@pytest.mark.parametrize(
    "struck",
    [
        chosen("engine killed", "engine paused", "engine cut off", "engine handed over"),
        chosen("NATS leader killed", "gateway killed", "gateway cut off", "gateways restarted", "stream full"),
    ],
    ids=["engines", "servers and gateways"],
)
async def test_faults_under_order_load_lose_and_double_nothing(
    struck: Sequence[Fault], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_nats()
    times, placed = RecoveryTimes(), Counter[str]()
    async with AsyncExitStack() as stack:
        cluster, accounts = await stack.enter_async_context(running_cluster(tmp_path, [*OF_PYTHON, *OF_NODE]))
        python = await stack.enter_async_context(python_clients(accounts[: len(OF_PYTHON)], Random(SEED)))
        node = await stack.enter_async_context(node_clients(accounts[len(OF_PYTHON) :]))
        for number in range(max(1, ROUNDS)):
            for fault in struck:
                times.note(fault.name, await suffer(fault, cluster, (python, node)))
                placed += await audit(fault, cluster, (python, node))
            with capsys.disabled():
                print(f"\nround {number + 1}\n{times.table()}" if ROUNDS else "", end="", flush=True)
        await cluster.check_snapshot()
        assert placed.keys() == {*OF_PYTHON, *OF_NODE}


async def suffer(fault: Fault, cluster: Cluster, everybody: Everybody) -> Recovery:
    """Let everybody trade, strike, and wait until everybody trades again; return how long that took."""
    python = everybody[0]
    cluster.lead_home()
    for clients in everybody:
        await clients.go()
    await recover(fault, python, Stopwatch())
    heal = await fault.strike(cluster)
    watch = Stopwatch()
    recovery = None if fault.needs_healing else await recover(fault, python, watch)
    if fault.needs_healing:
        await only_orders_are_refused(cluster, python, watch)
    await asyncio.sleep(max(0.0, fault.lasts_s - watch.seconds))  # as long as the fault is to last
    watch = Stopwatch()
    await heal()
    again = await recover(fault, python, watch)
    return recovery or again


async def recover(fault: Fault, python: PythonClients, watch: Stopwatch) -> Recovery:
    """Wait until orders are accepted again; return how long it took since `watch` was started."""
    try:
        async with asyncio.timeout(RECOVERY_TIMEOUT_S):
            await python.until_one(lambda trader: trader.accepted_s > watch.began_s)
            first_s = watch.seconds
            await python.until_each(lambda trader: trader.accepted_s > watch.began_s)
    except TimeoutError:
        pytest.fail(f"{fault.name}: no order was accepted in {RECOVERY_TIMEOUT_S} s")
    return Recovery(first_s, watch.seconds)


async def only_orders_are_refused(cluster: Cluster, python: PythonClients, watch: Stopwatch) -> None:
    """Assert that orders are refused, with a reason, that everybody is told so, and that market data goes on."""
    async with asyncio.timeout(RECOVERY_TIMEOUT_S):
        await python.until_one(lambda trader: trader.unavailable_s > watch.began_s)
        async with connect(f"ws://127.0.0.1:{cluster.ports[-1]}") as client:
            await anext(client.trades(SYMBOL))
            await anext(client.book(SYMBOL))
            async for status in client.status(SYMBOL):
                if (status.state, status.reason) == ("halted", UNAVAILABLE):
                    return


async def audit(fault: Fault, cluster: Cluster, everybody: Everybody) -> Counter[str]:
    """Let everybody rest, and compare all that they were told with the log; return how many orders each has placed."""
    placed = Counter[str]()
    for clients in everybody:
        await clients.rest()
    await cluster.settle()
    cluster.check()
    cluster.audit.check_money()
    expected = cluster.audit.expected()
    for clients in everybody:
        for seen in await clients.take(expected):
            try:
                cluster.audit.check(seen, expected[seen.user])
            except AssertionError as wrong:
                pytest.fail(f"after '{fault.name}': {wrong}")
            placed[seen.user] += len(seen.placed)
    return placed
