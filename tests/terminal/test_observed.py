"""What a core tells of its connection."""

import json
from typing import Any

from finalex.client.effects import Send
from finalex.terminal.observed import LATENCY_INTERVAL_MS, ObservedCore

GREETING = {"id": "server-1", "type": "connection_status", "data": {"status": "connected", "server_time": 1}}


def said(message: dict[str, Any]) -> bytes:
    return json.dumps({"timestamp": 1, **message}).encode()


def greeted(*, measuring: bool = False) -> tuple[ObservedCore, list[str]]:
    told: list[str] = []
    core = ObservedCore(told.append, measuring=measuring)
    core.connected(0)
    core.received(said(GREETING), 0)
    return core, told


def pings(core: ObservedCore, now_ms: int) -> list[str]:
    sent = [json.loads(effect.text) for effect in core.tick(now_ms) if isinstance(effect, Send)]
    return [request["id"] for request in sent if request["method"] == "ping"]


def test_a_first_connection_is_no_news() -> None:
    core, told = greeted()

    assert core.health.serving
    assert told == []


def test_a_loss_and_a_return_are_told() -> None:
    core, told = greeted()
    core.lost(1012, 0.5)
    core.lost(None, 0.5)
    core.connected(0)
    core.received(said(GREETING), 0)

    assert told == [
        "The connection is lost (1012); trying again in 1.0 s",
        "No connection; trying again in 2.0 s",
        "Connected again",
    ]
    assert (core.health.losses, core.health.failures) == (1, 0)


def test_the_next_attempt_has_its_time() -> None:
    core, _ = greeted()
    core.tick(500)
    core.lost(None, 0.5)

    assert (core.health.serving, core.health.again_ms) == (False, 1500)


def test_the_latency_is_the_time_until_the_pong() -> None:
    core, _ = greeted(measuring=True)
    (ping,) = pings(core, 100)
    core.received(said({"id": ping, "type": "pong", "data": {"server_time": 1}}), 142)

    assert core.health.latency_ms == 42


def test_the_latency_is_measured_now_and_then() -> None:
    core, _ = greeted(measuring=True)

    assert len(pings(core, 100)) == 1
    assert pings(core, 100 + LATENCY_INTERVAL_MS - 1) == []
    assert len(pings(core, 100 + LATENCY_INTERVAL_MS)) == 1


def test_another_pong_says_nothing_of_the_latency() -> None:
    core, _ = greeted(measuring=True)
    pings(core, 100)
    core.received(said({"id": "ping-1", "type": "pong", "data": {"server_time": 1}}), 142)
    core.received(b'["pong"]', 143)

    assert core.health.latency_ms is None


def test_without_measuring_no_ping_is_sent() -> None:
    core, _ = greeted()

    assert pings(core, LATENCY_INTERVAL_MS) == []
