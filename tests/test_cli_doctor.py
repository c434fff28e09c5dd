"""`finalex doctor` end to end: a table, a verdict, an exit code."""

import json
from collections.abc import Sequence

import pytest
from rich.console import Console

from finalex.cli import run_command
from finalex.terminal.doctor.findings import Finding, Outcome
from finalex.terminal.doctor.report import report
from support.server import serving
from terminal.program import run


async def test_a_healthy_server_is_0() -> None:
    async with serving(source="exchange") as server:
        code, out, err = await run("doctor", server.url, "--seconds", "0.2")

    assert (code, err) == (0, "")
    assert "✓" in out
    assert "\x1b" not in out
    assert out.splitlines()[-1].startswith("Healthy: ")


async def test_scripts_get_json() -> None:
    async with serving(source="exchange") as server:
        token = server.token("alice")
        code, out, _ = await run("doctor", server.url, "--seconds", "0.2", "--json", FINALEX_TOKEN=token)
    checks = {check["name"]: check["outcome"] for check in json.loads(out)["checks"]}

    assert (code, json.loads(out)["healthy"], json.loads(out)["url"]) == (0, True, server.url)
    assert (checks["private channels"], checks["trades"]) == ("ok", "skipped")


def test_a_server_that_is_not_there_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command(["doctor", "ws://127.0.0.1:1", "--json"])
    found = json.loads(capsys.readouterr().out)

    assert code == 1
    assert [check["outcome"] for check in found["checks"]] == ["failed"]
    assert not found["healthy"]


@pytest.mark.parametrize("arguments", [["localhost:8081"], ["--seconds", "0"], ["--seconds", "601"]])
def test_wrong_usage_is_2(arguments: Sequence[str]) -> None:
    assert run_command(["doctor", *arguments]) == 2


def test_the_table_marks_each_check_and_counts_them() -> None:
    findings = [
        Finding("greeting", Outcome.OK, "anonymous"),
        Finding("clock", Outcome.FAILED, "5000.0 ms ahead"),
        Finding("trades", Outcome.SKIPPED, "none came"),
    ]
    console = Console(width=80, record=True, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(report("ws://host", findings))
    lines = [line.split() for line in capture.get().splitlines()]

    assert ["✓", "greeting", "anonymous"] in lines
    assert ["✗", "clock", "5000.0", "ms", "ahead"] in lines
    assert ["–", "trades", "none", "came"] in lines
    assert capture.get().endswith("Not healthy: 1 checks failed, 1 passed, 1 not judged.\n")
