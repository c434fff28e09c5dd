"""The report of the fan-out benchmark: tables for people, JSON for programs, and the plots.

`python -m bench.fanout.report RESULTS.json` prints the tables of an earlier run again, and draws its plots again.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.fanout.plot import plots
from bench.fanout.result import Result
from bench.fanout.summary import PERCENTILES, Comparison, Spread, comparisons, summarize

DOCS = Path(__file__).parents[2] / "docs"
RESULTS_NAME = "benchmarks-fanout.json"


@dataclass(frozen=True)
class Report:
    """All that was measured, and of what.

    `notes` has a sentence for each server by its name, `left_out` one for each that could not take part. `machine` is
    what `describe_machine` returned. `floor` and `ours` name the servers that the others are compared with.
    """

    machine: Mapping[str, str]
    notes: Mapping[str, str]
    left_out: Sequence[str]
    results: Sequence[Result]
    floor: str
    ours: str

    @property
    def comparisons(self) -> list[Comparison]:
        """One for each workload and mode."""
        return comparisons(summarize(self.results), self.floor, self.ours)

    def markdown(self) -> str:
        """Return the tables, and what they are of."""
        parts = [_machine_line(self.machine)]
        for comparison in self.comparisons:
            parts += _section(comparison)
        parts.append("**The servers**")
        parts.append("\n".join(f"- {name}: {note}" for name, note in self.notes.items() if note))
        if self.left_out:
            parts.append("**Left out**")
            parts.append("\n".join(f"- {sentence}" for sentence in self.left_out))
        return "\n\n".join(parts) + "\n"

    def save(self, directory: Path = DOCS) -> list[Path]:
        """Write the JSON and the plots, and return the files."""
        texts = {RESULTS_NAME: self._json()} | plots(self.comparisons)
        files = [directory / name for name in texts]
        for file, text in zip(files, texts.values(), strict=True):
            file.write_text(text, encoding="utf-8")
        return files

    def _json(self) -> str:
        """Return everything as JSON, a result a line, so that two runs can be compared line by line."""
        head = {"machine": self.machine, "notes": self.notes, "left_out": list(self.left_out)}
        head |= {"floor": self.floor, "ours": self.ours}
        rows = ",\n".join("  " + json.dumps(asdict(result)) for result in self.results)
        return json.dumps(head, indent=1, ensure_ascii=False)[:-2] + f',\n "results": [\n{rows}\n ]\n}}\n'


def load(file: Path) -> Report:
    """Read a report that was saved; raises `OSError`, and `KeyError` or `TypeError` for another kind of file."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    results = [Result(**result) for result in found.pop("results")]
    return Report(results=results, **found)


# --- tables ---------------------------------------------------------------------------------------------


def _machine_line(machine: Mapping[str, str]) -> str:
    return "Machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."


def _section(comparison: Comparison) -> list[str]:
    of_runs = _of_runs(comparison)
    match comparison.mode:
        case "fixed":
            return [f"**{comparison.workload}, at a fixed rate**: latency ({of_runs})", _latency_table(comparison)]
        case "user_space":
            heading = f"**{comparison.workload}, user space alone**: user CPU in µs a delivered message ({of_runs})"
            return [heading, _cost_table(comparison)]
        case "saturated":
            heading = (
                f"**{comparison.workload}, saturated**: CPU in µs a delivered message, × {comparison.floor} ({of_runs})"
            )
            return [heading, _cost_table(comparison), _rate_table(comparison)]


def _of_runs(comparison: Comparison) -> str:
    """Say how many runs the figures are of: there may be more of them with some numbers of clients than with others."""
    runs = dict.fromkeys(comparison.clients, 0)
    for summary in comparison.summaries:
        runs[summary.clients] = max(runs[summary.clients], summary.runs)
    most = max(runs.values())
    fewer = [f"{count} with {clients:,} clients" for clients, count in runs.items() if count < most]
    if most == 1:
        return "one run"
    with_fewer = f" ({', '.join(fewer)})" if fewer else ""
    return f"medians of {most} interleaved runs{with_fewer}, their least and most in brackets"


def _cost_table(comparison: Comparison) -> str:
    head = ["server", *(f"{clients:,} clients" for clients in comparison.clients)]
    rows = [
        [_name(comparison, target), *(_cost(comparison, target, clients) for clients in comparison.clients)]
        for target in comparison.targets
    ]
    return _table(head, rows)


def _cost(comparison: Comparison, target: str, clients: int) -> str:
    summary = comparison.find(target, clients)
    if summary is None:
        return "–"
    cost, multiple = comparison.cost_us(summary), comparison.multiple(summary)
    words = f"{cost.median:.3f}" if summary.runs == 1 else f"{cost.median:.3f} ({cost.low:.3f}–{cost.high:.3f})"
    return words if multiple is None else f"{words} {multiple:.2f}×"


def _rate_table(comparison: Comparison) -> str:
    clients = comparison.main_clients
    head = [f"server, {clients:,} clients", "messages/s", "p50", "p99", "memory", "load generator's CPU"]
    rows = []
    for target in comparison.targets:
        summary = comparison.find(target, clients)
        if summary is not None:
            latency = [_ms(summary.latency_us.get(percentile)) for percentile in ("p50", "p99")]
            share = f"{summary.load_share.median:.2f} of the server's"
            rate = f"{summary.messages_per_s.median:,.0f}"
            rows.append([_name(comparison, target), rate, *latency, _mb(summary.rss_bytes), share])
    return _table(head, rows)


def _latency_table(comparison: Comparison) -> str:
    head = ["server", "clients", "messages/s", *PERCENTILES, "CPU µs a message"]
    rows = []
    for clients in comparison.clients:
        for target in comparison.targets:
            summary = comparison.find(target, clients)
            if summary is not None:
                latency = [_ms(summary.latency_us.get(percentile), with_range=True) for percentile in PERCENTILES]
                start = [_name(comparison, target), f"{clients:,}", f"{summary.messages_per_s.median:,.0f}"]
                rows.append([*start, *latency, f"{summary.cpu_us.median:.3f}"])
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of markdown, the first column on the left and the others on the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _name(comparison: Comparison, target: str) -> str:
    return f"**{target}**" if target == comparison.ours else target


def _ms(latency_us: Spread | None, *, with_range: bool = False) -> str:
    if latency_us is None:
        return "–"
    median, low, high = (value / 1000 for value in (latency_us.median, latency_us.low, latency_us.high))
    return f"{median:.2f} ({low:.2f}–{high:.2f}) ms" if with_range and low < high else f"{median:.2f} ms"


def _mb(size_bytes: Spread) -> str:
    return f"{size_bytes.median / 1e6:,.0f} MB"


def main() -> None:
    """Print and draw an earlier run again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=DOCS / RESULTS_NAME)
    parser.add_argument("--directory", type=Path, help="where to write the plots (beside the results)")
    arguments = parser.parse_args()
    report = load(arguments.results)
    report.save(arguments.directory or arguments.results.parent)
    print(report.markdown())


if __name__ == "__main__":
    main()
