"""The commands of an exchange of many processes: what they refuse, and what they say."""

import sys
from pathlib import Path

import pytest

from finalex.cli import run_command
from finalex.config import SETTINGS

NATS = ["--nats", "nats://127.0.0.1:1"]
ROLES = ["engine", "gateway"]


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize("command", [*ROLES, "cluster", "cluster status"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*command.split(), "--help"]) == 0
    assert f"Usage: finalex {command}" in capsys.readouterr().out


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_flag_for_every_setting_but_secrets(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_command([role, "--help"])
    out = capsys.readouterr().out
    assert [setting.name for setting in SETTINGS.values() if setting.flag and f"│ {setting.flag} " not in out] == []
    assert "--nats-password" not in out


@pytest.mark.parametrize("role", ROLES)
def test_a_role_needs_nats(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([role]) == 2
    assert f"'finalex {role}' needs setting 'nats'" in capsys.readouterr().err


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_one_process(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([role, *NATS, "--workers", "2"]) == 2
    assert "setting 'workers' is for 'finalex serve'" in capsys.readouterr().err


def test_serve_takes_no_nats_and_says_who_does(capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--workers", "2"]):
        assert run_command(["serve", *NATS, *more]) == 2
        said = capsys.readouterr().err
        assert "'finalex engine'" in said
        assert "'finalex gateway'" in said


@pytest.mark.parametrize("command", [["engine", *NATS], ["gateway", *NATS], ["serve", "--workers", "2"], ["serve"]])
def test_what_is_unsafe_is_refused_in_production(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*command, "--profile", "production"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert all(line.startswith("finalex: production: ") for line in said)
    assert any("'source' is the simulated market" in line for line in said)


@pytest.mark.parametrize("library", ["nats", "nkeys"])
@pytest.mark.parametrize("role", ROLES)
def test_without_the_library_it_is_said_how_to_get_it(
    role: str, library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == library or name.startswith("finalex.")]:
        if "role" in module or module.startswith(("finalex.bus", library)):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    assert run_command([role, *NATS]) == 1
    assert capsys.readouterr().err == "finalex: This needs the library for NATS: pip install 'finalex[cluster]'.\n"


def test_too_many_workers_for_the_ports_above_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["serve", "--workers", "9", "--port", "0", "--admin-port", "65530", "--data-dir", str(tmp_path)]
    assert run_command(arguments) == 2
    assert "'admin_port' needs 10 ports in a row" in capsys.readouterr().err
