"""The problems of an upstream: all counted, some logged."""

from collections import Counter

from structlog.testing import capture_logs

from finalex.sources.upstream.problems import WARNINGS_MAX, Problem, Problems


def test_problems_are_counted_by_name() -> None:
    counts: Counter[str] = Counter()
    problems = Problems("fake", counts)
    problems.report("BTC/USDT", Problem.LATE, "a trade")
    problems.report("ETH/USDT", Problem.LATE, "a trade")
    problems.report("ETH/USDT", Problem.SILENT, "a book")
    assert counts == {"upstream_late": 2, "upstream_silent": 1}


def test_a_flood_of_problems_is_logged_ever_more_rarely() -> None:
    problems = Problems("fake", Counter())
    with capture_logs() as logged:
        for _ in range(1000):
            problems.report("BTC/USDT", Problem.LATE, "a trade")
        problems.report("BTC/USDT", Problem.SILENT, "a book")
    counts = [entry["count"] for entry in logged]
    assert counts == [*range(1, WARNINGS_MAX + 1), 100, 1000, 1]
    assert logged[-1]["problem"] == "upstream_silent"
    assert logged[-1]["upstream"] == "fake"
