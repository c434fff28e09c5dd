"""What waits for slow clients together is bounded: those with most go first."""

from typing import Any

import pytest

from finalex.gateway.backlog import LOGGED_PER_S_MAX, SLOWEST_SHOWN, Backlog
from finalex.metrics import Metrics


class Slow:
    """A client for which `size` waits."""

    def __init__(self, number: int, size: int, *, lagging: bool = True) -> None:
        self.number = number
        self.size = size
        self.open = True
        self.lagging = lagging

    def waiting_bytes(self) -> int:
        return self.size

    def describe(self) -> dict[str, object]:
        return {"connection": self.number, "address": "192.0.2.1", "user": "alice"}

    def close_slow(self, reason: str) -> None:
        assert "altogether" in reason
        self.open = False

    def drop(self) -> None:
        self.size = 0


def backlog_of(bytes_max: int, *sizes: int) -> tuple[Backlog, list[Slow], Metrics]:
    metrics = Metrics()
    backlog = Backlog(bytes_max, metrics)
    clients = [Slow(number, size) for number, size in enumerate(sizes)]
    for client in clients:
        backlog.enter(client)
    return backlog, clients, metrics


def grow(backlog: Backlog, client: Slow, size: int) -> None:
    client.size += size
    backlog.note(size)


def test_as_much_as_the_limit_may_wait() -> None:
    backlog, clients, _ = backlog_of(100, 40, 50)
    grow(backlog, clients[0], 10)
    assert all(client.open for client in clients)


def test_beyond_it_the_one_with_most_is_closed_and_no_other() -> None:
    backlog, clients, _ = backlog_of(100, 20, 60, 19)
    grow(backlog, clients[0], 2)
    assert [client.open for client in clients] == [True, False, True]


def test_who_was_closed_is_dropped_when_the_room_is_needed_again() -> None:
    backlog, clients, _ = backlog_of(100, 20, 60, 19)
    grow(backlog, clients[0], 2)
    assert clients[1].size == 60
    grow(backlog, clients[2], 1)
    assert (clients[1].size, clients[0].open, clients[2].open) == (0, True, True)
    grow(backlog, clients[2], 50)
    assert (clients[0].open, clients[2].open) == (True, True)


def test_what_has_left_makes_room() -> None:
    backlog, clients, _ = backlog_of(100, 40, 50)
    for _ in range(20):
        clients[0].size = 0
        grow(backlog, clients[0], 40)
    assert all(client.open for client in clients)


def test_who_is_gone_is_not_counted() -> None:
    backlog, clients, _ = backlog_of(100, 90, 5)
    backlog.leave(clients[0])
    grow(backlog, clients[1], 90)
    assert all(client.open for client in clients)


def value(metrics: Metrics, start: str) -> float:
    (line,) = (line for line in metrics.text().decode().splitlines() if line.startswith(start + " "))
    return float(line.rpartition(" ")[2])


def test_the_metrics_name_the_slowest_by_number_only() -> None:
    backlog, clients, metrics = backlog_of(10_000, *range(100, 110))
    clients[9].lagging = False
    assert value(metrics, "finalex_slow_connections") == 9
    assert value(metrics, "finalex_queue_bytes") == sum(range(100, 110))
    text = metrics.text().decode()
    assert text.count("finalex_slowest_queue_bytes{") == SLOWEST_SHOWN
    assert value(metrics, 'finalex_slowest_queue_bytes{connection="9"}') == 109
    assert "alice" not in text
    assert "192.0.2.1" not in text
    assert len(list(backlog)) == 10


def test_the_log_says_who_is_slow_but_not_without_end(capsys: pytest.CaptureFixture[str]) -> None:
    backlog, clients, metrics = backlog_of(1000, 77)
    for _ in range(LOGGED_PER_S_MAX + 5):
        backlog.say("client_lags", clients[0], 100.5)
    said = capsys.readouterr().out
    assert said.count("client_lags") == LOGGED_PER_S_MAX
    expected: list[Any] = ["waiting_bytes", "77", "connection", "192.0.2.1", "alice"]
    assert all(part in said for part in expected)
    assert value(metrics, "finalex_lagging_total") == LOGGED_PER_S_MAX + 5
    backlog.say("client_caught_up", clients[0], 101.0)
    said = capsys.readouterr().out
    assert "unsaid" in said
    assert "5" in said
    assert value(metrics, "finalex_lagging_total") == LOGGED_PER_S_MAX + 5
