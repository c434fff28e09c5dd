"""The report of the fan-out benchmark: medians, multiples of the floor, tables, plots, and what is read again."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench.fanout.plot import plots
from bench.fanout.report import Report, load
from bench.fanout.result import Result
from bench.fanout.summary import comparisons, summarize

LATENCY_US = {"p50": 100.0, "p99": 900.0, "p99.9": 1000.0, "max": 2000.0}
RESULT = Result("floor", "ticks", 100, "saturated", 10, 1_000_000, 1.0, 0.2, 0.8, 1_000_000, 0.1, LATENCY_US)


def ours(cpu_s: float, clients: int = 100) -> Result:
    return replace(RESULT, target="ours", clients=clients, user_s=cpu_s / 2, system_s=cpu_s / 2)


def report(*results: Result) -> Report:
    return Report({"cores": "2"}, {"ours": "the whole product"}, ["A peer is not installed."], results, "floor", "ours")


def test_a_summary_has_the_median_the_least_and_the_most_of_all_runs() -> None:
    (summary,) = summarize([ours(1.3), ours(1.1), ours(2.0)])

    assert (summary.runs, summary.cpu_us.median, summary.cpu_us.low, summary.cpu_us.high) == (3, 1.3, 1.1, 2.0)


def test_a_multiple_is_of_the_floor_with_as_many_clients() -> None:
    (comparison,) = comparisons(summarize([RESULT, ours(1.5), ours(3.0, clients=200)]), "floor", "ours")

    by_clients = {summary.clients: comparison.multiple(summary) for summary in comparison.summaries[1:]}
    assert by_clients == {100: pytest.approx(1.5), 200: None}


def test_a_run_without_any_latency_does_not_count_as_a_fast_one() -> None:
    silent = replace(RESULT, latency_us=dict.fromkeys(LATENCY_US, 0.0))

    (mixed,), (none,) = summarize([RESULT, silent]), summarize([silent])
    assert mixed.latency_us["p99"].low == 900.0
    assert none.latency_us == {}


def test_the_tables_have_the_cheapest_server_first_and_ours_in_bold() -> None:
    text = report(RESULT, ours(1.5), ours(1.7), ours(1.2)).markdown()

    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[2] == "| floor | 1.000 1.00× |"
    assert rows[3] == "| **ours** | 1.500 (1.200–1.700) 1.50× |"
    assert "- A peer is not installed." in text


def test_every_mode_has_its_plot_and_it_is_well_formed() -> None:
    modes = [RESULT, replace(RESULT, mode="fixed"), replace(RESULT, mode="user_space")]
    drawn = plots(report(*modes).comparisons)

    assert set(drawn) == {f"benchmarks-fanout-{name}.svg" for name in ("ticks", "latency", "user-space")}
    assert {ET.fromstring(text).tag for text in drawn.values()} == {"{http://www.w3.org/2000/svg}svg"}


def test_a_comparison_without_figures_has_no_plot() -> None:
    without = replace(RESULT, mode="fixed", latency_us={})

    assert plots(report(without).comparisons) == {}


def test_a_saved_report_is_read_again_as_it_was(tmp_path: Path) -> None:
    saved = report(RESULT, ours(1.5))
    files = saved.save(tmp_path)

    read = load(tmp_path / "benchmarks-fanout.json")
    assert [file.name for file in files] == ["benchmarks-fanout.json", "benchmarks-fanout-ticks.svg"]
    assert read.markdown() == saved.markdown()
