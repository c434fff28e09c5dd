"""What is counted, as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from finalex.metrics import Metrics


def read(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return the samples by name and label value, as a Prometheus server would parse them."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, "".join(s.labels.values())): s.value for family in families for s in family.samples}


def test_every_count_is_shown_from_the_start() -> None:
    samples = read(Metrics())
    for name in ("messages_received", "messages_sent", "bytes_sent", "batches", "events"):
        assert samples[f"finalex_{name}_total", ""] == 0


def test_counts_are_what_was_counted() -> None:
    metrics = Metrics()
    metrics.bytes_sent += 2**40
    metrics.errors["INVALID_TOKEN"] += 2
    metrics.closes["4000"] += 1
    metrics.subscriptions["kline"] = 7
    metrics.source_problems["gap"] += 3
    metrics.deliveries["trades"] += 9
    samples = read(metrics)
    assert samples["finalex_deliveries_total", "trades"] == 9
    assert samples["finalex_bytes_sent_total", ""] == 2**40
    assert samples["finalex_errors_total", "INVALID_TOKEN"] == 2
    assert samples["finalex_closes_total", "4000"] == 1
    assert samples["finalex_subscriptions", "kline"] == 7
    assert samples["finalex_source_problems_total", "gap"] == 3


def test_what_is_watched_is_asked_each_time() -> None:
    metrics = Metrics()
    connections = [1, 2]
    metrics.watch("connections", "Connections", lambda: len(connections))
    assert read(metrics)["finalex_connections", ""] == 2
    connections.clear()
    assert read(metrics)["finalex_connections", ""] == 0


def test_a_watched_total_is_a_counter() -> None:
    metrics = Metrics()
    metrics.watch_total("log_groups", "Writes", lambda: 7)
    assert read(metrics)["finalex_log_groups_total", ""] == 7
    assert b"# TYPE finalex_log_groups_total counter" in metrics.text()


def test_two_servers_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.batches += 1
    assert (read(one)["finalex_batches_total", ""], read(other)["finalex_batches_total", ""]) == (1, 0)


def test_the_process_is_shown_too() -> None:
    assert read(Metrics())["process_open_fds", ""] > 0
