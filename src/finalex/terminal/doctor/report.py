"""The findings as people and scripts read them."""

import json
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from finalex.terminal.doctor.findings import Finding, Outcome, is_healthy

_MARKS = {
    Outcome.OK: Text("✓", style="green"),
    Outcome.FAILED: Text("✗", style="bold red"),
    Outcome.SKIPPED: Text("–", style="bright_black"),
}


def report(url: str, findings: Sequence[Finding]) -> RenderableType:
    """Return a table of the findings, and a verdict."""
    table = Table(box=SIMPLE_HEAD, title=Text(url, style="bold"), title_justify="left", pad_edge=False)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("what was found")
    for finding in findings:
        failed = finding.outcome is Outcome.FAILED
        quiet = "bright_black" if finding.outcome is Outcome.SKIPPED else ""
        details = Text(finding.details, style="red" if failed else quiet)
        table.add_row(_MARKS[finding.outcome], Text(finding.name, style="bold" if failed else quiet), details)
    return Group(table, _verdict(findings))


def report_json(url: str, findings: Sequence[Finding]) -> str:
    """Return the findings and the verdict as one JSON object."""
    checks = [{"name": f.name, "outcome": f.outcome, "details": f.details} for f in findings]
    return json.dumps({"url": url, "healthy": is_healthy(findings), "checks": checks}, ensure_ascii=False)


def _verdict(findings: Sequence[Finding]) -> Text:
    counts = {outcome: sum(f.outcome is outcome for f in findings) for outcome in Outcome}
    skipped = f", {counts[Outcome.SKIPPED]} not judged" if counts[Outcome.SKIPPED] else ""
    if is_healthy(findings):
        return Text(f"Healthy: {counts[Outcome.OK]} checks passed{skipped}.", style="bold green")
    return Text(
        f"Not healthy: {counts[Outcome.FAILED]} checks failed, {counts[Outcome.OK]} passed{skipped}.", style="bold red"
    )
