"""Engines: one leads, the others follow, and whatever happens to it nothing that was answered is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from cluster.engines import EngineCluster, engine_cluster, failed, leads, led, order
from finalex.cluster import takeover
from finalex.cluster.standby import UnknownMarketError
from finalex.cluster.wire import OpenAccount
from finalex.exchange.outcomes import Canceled, Done, Placed, TooFast, Unavailable
from finalex.log.jetstream.stream import StreamFullError
from finalex.log.port import LogError
from finalex.model.commands import CancelAllOrders, CancelOrder
from finalex.model.events import Credited, OrderAccepted
from finalex.model.instruments import Instruments
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.model.orders import Side
from finalex.recovery import RecoveryError
from finalex.roles.engine import engine_running
from finalex.roles.engine_snapshots import EngineSnapshots
from finalex.starting import StartError
from log.jetstream.written import message, until
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]


@pytest.fixture
async def cluster(one_nats: NatsServers, tmp_path: Path) -> AsyncIterator[EngineCluster]:
    async with engine_cluster(one_nats, tmp_path) as cluster:
        yield cluster


async def metrics(port: int) -> dict[str, float]:
    """Return what an engine's own port shows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    lines = [line.rsplit(" ", 1) for line in text.partition("\r\n\r\n")[2].splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def supersede(cluster: EngineCluster) -> int:
    """Append as another writer, as soon as there is a gap; return the sequence of that batch."""
    while True:
        end = await cluster.stream.end()
        try:
            await cluster.stream.append(message(end.sequence, [], writer="usurper"), end.stream_sequence)
        except LogError:
            continue
        return end.sequence + 1


async def fill(cluster: EngineCluster, count: int) -> int:
    """Append credits with long references as one batch, and return its sequence; raises `StreamFullError`."""
    end = await cluster.stream.end()
    references = [f"{end.sequence}-{number}-{token_hex(500)}" for number in range(count)]
    events = [Credited(user="ann", currency="BTC", amount=1, reference=text, time_ms=1) for text in references]
    await cluster.stream.append(message(end.sequence, events), end.stream_sequence)
    return end.sequence + 1


# --- leading and following ------------------------------------------------------------------------------


async def test_the_first_engine_leads_and_the_second_follows(cluster: EngineCluster) -> None:
    first = await cluster.lead("a")
    second = await cluster.follow("b")

    assert first.role.ready
    assert second.role.ready
    assert second.role.leading is None
    assert led(first.role).writer.startswith("a-")
    assert (await cluster.stream.end()).writer == led(first.role).writer


async def test_of_two_that_start_at_once_one_leads(cluster: EngineCluster) -> None:
    engines = [await cluster.start("a"), await cluster.start("b")]
    await until(lambda: any(engine.role.leading for engine in engines))
    await until(lambda: all(failed(engine) or engine.role.ready for engine in engines))
    assert [engine.role.leading is not None for engine in engines].count(True) == 1


async def test_commands_are_answered_with_the_batch_that_has_them(cluster: EngineCluster) -> None:
    engine = await cluster.lead("a")
    opened, placed = await cluster.send(
        led(engine.role).writer, OpenAccount(user="ann"), order("ann", Side.BUY, "30000.00")
    )

    assert opened == Done()
    assert isinstance(placed, Placed)
    accepted = [b.sequence for b in await cluster.batches() if any(isinstance(e, OrderAccepted) for e in b.events)]
    assert accepted
    assert accepted[0] <= cluster.durable <= (await cluster.stream.end()).sequence
    assert [o.id for o in (await cluster.state()).open_orders("ann")] == [placed.order.id]


async def test_a_command_past_its_deadline_does_nothing(cluster: EngineCluster) -> None:
    engine = await cluster.lead("a")
    await cluster.send(led(engine.role).writer, OpenAccount(user="ann"))
    late = await cluster.send(led(engine.role).writer, order("ann", Side.BUY, "30000.00"), deadline_ms=1)

    assert late == [Unavailable()]
    assert (await cluster.state()).open_orders("ann") == []


async def test_an_accounts_rate_holds_at_the_engine(cluster: EngineCluster) -> None:
    engine = await cluster.lead("a", orders_per_second_max="1")
    buy = order("ann", Side.BUY, "30000.00")
    outcomes = await cluster.send(led(engine.role).writer, OpenAccount(user="ann"), buy, buy)
    assert outcomes[2] == TooFast(1)


async def test_what_it_does_is_shown_to_its_operator(cluster: EngineCluster) -> None:
    first = await cluster.lead("a")
    second = await cluster.follow("b")
    await cluster.send(led(first.role).writer, OpenAccount(user="ann"))
    await cluster.send(led(first.role).writer, CancelAllOrders(user="ann"), deadline_ms=1)

    leader, standby = [await metrics(engine.admin_port) for engine in (first, second)]
    assert (leader["finalex_engine_leads"], standby["finalex_engine_leads"]) == (1, 0)
    assert (leader["finalex_engine_ready"], standby["finalex_engine_ready"]) == (1, 1)
    assert (leader["finalex_takeovers_total"], standby["finalex_takeovers_total"]) == (1, 0)
    assert (leader["finalex_commands_total"], leader["finalex_commands_late_total"]) == (2, 1)
    assert leader["finalex_log_sequence"] >= standby["finalex_log_sequence"] > 0
    assert standby["finalex_log_lag_batches"] == 0


async def test_it_is_not_ready_before_it_reaches_nats(cluster: EngineCluster) -> None:
    engine = await cluster.start("a", nats="nats://127.0.0.1:1")
    assert (await metrics(engine.admin_port))["finalex_engine_ready"] == 0
    assert not engine.role.ready
    await engine.stop()


# --- handing over ---------------------------------------------------------------------------------------


async def test_one_that_stops_hands_over_at_once_with_everything(cluster: EngineCluster) -> None:
    first = await cluster.lead("a", takeover_ms="60000")
    second = await cluster.follow("b", takeover_ms="60000")
    users = ("ann", "bob")
    await cluster.send(led(first.role).writer, *(OpenAccount(user=user) for user in users))
    resting, _ = await cluster.send(
        led(first.role).writer, order("ann", Side.SELL, "30000.00", "0.02"), order("bob", Side.BUY, "30000.00")
    )
    assert isinstance(resting, Placed)
    await first.stop()
    leading = await leads(second)

    before = await cluster.state()
    canceled, filled = await cluster.send(
        leading.writer, CancelOrder(user="ann", order_id=resting.order.id), CancelAllOrders(user="bob")
    )
    assert isinstance(canceled, Canceled)
    assert [o.id for o in canceled.orders] == [resting.order.id]
    assert canceled.orders[0].remaining == resting.order.quantity // 2
    assert filled == Canceled(())
    after = await cluster.state()
    for currency in ("BTC", "USDT"):
        totals = [sum(state.balance(user, currency).total for user in state.users) for state in (before, after)]
        assert totals[0] == totals[1] == 2 * cluster.config("x").demo_credits[currency]
        assert all(after.balance(user, currency).locked == 0 for user in users)
    assert leading.engine_state.state_hash() == after.state_hash()


async def test_an_engine_that_leads_again_has_another_name(cluster: EngineCluster) -> None:
    first = await cluster.lead("a")
    earlier = led(first.role).writer
    await first.stop()
    again = await cluster.lead("a", takeover_ms="60000")
    assert led(again.role).writer != earlier
    await cluster.batches()


async def test_a_leader_that_is_gone_is_replaced_after_a_silence(cluster: EngineCluster) -> None:
    engine = await cluster.lead("a")
    writer = led(engine.role).writer
    await cluster.send(writer, OpenAccount(user="ann"), order("ann", Side.BUY, "30000.00"))
    usurped = await supersede(cluster)  # by one that dies at once

    await until(lambda: failed(engine) or engine.role.standby is not None)
    leading = await leads(engine)
    assert leading.writer != writer
    assert leading.log.sequence > usurped
    assert len(leading.engine_state.open_orders("ann")) == 1


# --- being replaced -------------------------------------------------------------------------------------


async def test_one_that_is_replaced_forgets_what_is_not_stored_and_follows(cluster: EngineCluster) -> None:
    engine = await cluster.lead("a", takeover_ms="2000")
    writer = led(engine.role).writer
    await cluster.send(writer, OpenAccount(user="ann"))
    await supersede(cluster)
    told = await cluster.tell(writer, order("ann", Side.BUY, "30000.00"), CancelOrder(user="ann", order_id="none"))

    await until(lambda: failed(engine) or (engine.role.standby is not None and engine.role.standby.following))
    assert engine.role.standby is not None
    assert engine.role.standby.state.open_orders("ann") == []
    await cluster.client.flush()
    assert cluster.outcomes.empty(), told
    assert (await cluster.state()).open_orders("ann") == []


# --- starting -------------------------------------------------------------------------------------------


async def test_an_engine_starts_from_a_snapshot_when_the_log_is_trimmed(cluster: EngineCluster) -> None:
    first = await cluster.lead("a", snapshot_interval_ms="1000")
    await cluster.send(led(first.role).writer, OpenAccount(user="ann"), order("ann", Side.BUY, "30000.00"))
    await until(lambda: first.role.snapshots.newest)
    newest = first.role.snapshots.newest
    await until(lambda: first.role.snapshots.newest > newest)
    await first.stop()
    covered = (await cluster.store.sequences())[-1]
    await cluster.stream.purge(await cluster.stream.place(covered))

    second = await cluster.lead("b")
    assert len(led(second.role).engine_state.open_orders("ann")) == 1
    canceled = await cluster.send(led(second.role).writer, CancelAllOrders(user="ann"))
    assert isinstance(canceled[0], Canceled)
    assert len(canceled[0].orders) == 1


async def test_an_engine_makes_room_in_a_log_so_full_that_nobody_could_lead(
    cluster: EngineCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "ATTEMPT_TIMEOUT_S", 0.2)
    full = {"log_bytes_max": str(1 << 20)}
    snapshots = EngineSnapshots(cluster.config("a", **full))
    await cluster.stream.prepare(1, 1 << 20)
    await cluster.store.prepare(1)
    total = 0
    for count in (100, 10, 0):
        with suppress(StreamFullError):
            while True:
                sequence = await fill(cluster, count)
                total += count
                if sequence in (6, 7):
                    await snapshots.write(sequence)

    engine = await cluster.lead("a", **full)
    assert led(engine.role).engine_state.balance("ann", "BTC").total == total
    assert await cluster.send(led(engine.role).writer, OpenAccount(user="bob")) == [Done()]


async def test_one_without_a_snapshot_says_that_the_log_has_lost_its_beginning(cluster: EngineCluster) -> None:
    first = await cluster.lead("a")
    await first.stop()
    await cluster.stream.purge(1)
    engine = await cluster.start("b")
    with pytest.raises(RecoveryError, match="without a good snapshot, because the log has lost its beginning"):
        await engine.running


async def test_one_that_does_not_know_a_market_says_so(cluster: EngineCluster) -> None:
    first = await cluster.lead("a")
    await cluster.send(led(first.role).writer, OpenAccount(user="ann"), order("ann", Side.BUY, "30000.00"))
    few = replace(cluster.config("b"), instruments=Instruments([DEFAULT_INSTRUMENTS["ETH/USDT"]]))
    async with engine_running(few) as engine:
        with pytest.raises(UnknownMarketError, match="BTC/USDT, a market that is not configured here"):
            await engine.running


async def test_one_without_servers_to_go_to_says_so(cluster: EngineCluster) -> None:
    with pytest.raises(StartError, match="--nats"):
        async with engine_running(cluster.config("a", nats="")):
            pass
