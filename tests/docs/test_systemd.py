"""The unit for systemd: systemd takes it, and what matters is in it."""

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from finalex.cli import EXIT_USAGE
from finalex.config import load_config
from finalex.profile import unsafe_settings
from finalex.stopping import STOP_GRACE_S

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "finalex.service"
PROGRAM = "/opt/finalex/bin/finalex"
EXPOSURE_MAX = 2.0
"""Of 10, as `systemd-analyze security` counts; a unit without any rule has 9.6."""


def directives() -> dict[str, list[str]]:
    """Return what the unit says, by name."""
    found = defaultdict(list)
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def analyze(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Let systemd look at the unit, with the program of this environment."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here: the unit was not verified")
    unit = directory / UNIT.name
    here = Path(sys.executable).parent / "finalex"
    unit.write_text(UNIT.read_text(encoding="utf-8").replace(PROGRAM, str(here)), encoding="utf-8")
    command = ["systemd-analyze", *arguments, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    result = analyze(tmp_path, "verify", "--man=no")
    assert (result.returncode, result.stderr) == (0, "")


def test_systemd_finds_it_well_locked_up(tmp_path: Path) -> None:
    result = analyze(tmp_path, "security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}")
    assert result.returncode == 0, result.stdout


def test_the_unit_runs_the_server_with_the_file_beside_it() -> None:
    assert directives()["ExecStart"] == [f"{PROGRAM} serve --config /etc/finalex/finalex.toml"]


def test_data_are_where_systemd_lets_the_server_write() -> None:
    said = directives()
    assert said["Environment"] == [f"FINALEX_DATA_DIR=/var/lib/{said['StateDirectory'][0]}"]
    assert (said["DynamicUser"], said["ProtectSystem"], said["StateDirectoryMode"]) == (["yes"], ["strict"], ["0700"])


def test_a_stop_has_time_for_clients_and_a_snapshot() -> None:
    said = directives()
    assert int(said["TimeoutStopSec"][0]) >= 10 * STOP_GRACE_S
    assert (said["KillSignal"], said["KillMode"]) == (["SIGTERM"], ["mixed"])


def test_it_comes_back_after_a_crash_but_not_with_a_wrong_setting() -> None:
    said = directives()
    assert said["Restart"] == ["always"]
    assert said["RestartPreventExitStatus"] == [str(EXIT_USAGE)]


def test_there_are_descriptors_for_as_many_connections_as_are_taken() -> None:
    assert int(directives()["LimitNOFILE"][0]) >= 2 * load_config({}, {}).connections_max


def test_the_settings_that_are_shipped_are_ones() -> None:
    config = load_config({}, {"HOME": "/house"}, str(DEPLOY / "finalex.toml"))
    assert (config.source.kind, config.demo_credits) == ("exchange", {})
    assert [str(each) for each in config.trusted_proxies] == ["127.0.0.1/32"]
    assert (config.profile, unsafe_settings(config)) == ("production", ())
