"""What docs/cluster.md tells operators to type exists: commands, flags, variables, settings, files, metrics, events."""

import re
import shlex
import subprocess

import pytest

from docs.pages import ROOT, sections
from finalex.cli import app
from finalex.config import SETTINGS

PAGE = "docs/cluster.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
LINES = [
    line.removeprefix("$ ")
    for section in sections(PAGE)
    for block in section.blocks
    if block.language in ("sh", "console")
    for line in block.text.splitlines()
]
SOURCES = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
VARIABLES = {setting.environment for setting in SETTINGS.values()}
OF_NATS = {"NATS_NAME", "ENGINE_PASSWORD", "GATEWAY_PASSWORD", "OPERATOR_PASSWORD"}
BY_HAND = {"pip", "nats-server", "systemctl", "install", "curl", "docker", "cp", "/opt/finalex/bin/pip", "export"}


def after(words: list[str]) -> list[str]:
    """Return what follows the assignments at the beginning of a command."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


@pytest.mark.parametrize("line", [line for line in LINES if "finalex " in f"{line} " and "docker" not in line])
def test_our_commands_can_be_typed(line: str) -> None:
    words = after(shlex.split(line))
    if words[0] == "finalex":
        command, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
        assert callable(command)
        assert bound is not None


def test_all_other_commands_are_those_of_the_system() -> None:
    assert {after(shlex.split(line))[0] for line in LINES} - BY_HAND == {"finalex"}


def test_every_variable_is_one() -> None:
    assigned = {name for line in LINES for name in re.findall(r"\b([A-Z_]{4,})=", line)}
    assert assigned - VARIABLES - OF_NATS == set()
    configuration = (ROOT / "deploy" / "cluster" / "nats-server.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"\$([A-Z][A-Z_]+)", re.sub(r"\$(JS|O|KV)\.", "", configuration))) == OF_NATS


@pytest.mark.parametrize("file", sorted(set(re.findall(r"\bdeploy/[\w./@-]*\w", TEXT))))
def test_every_file_is_there(file: str) -> None:
    made_from = {"deploy/cluster/secrets.env": "deploy/cluster/secrets.env.example"}
    assert (ROOT / made_from.get(file, file)).exists()


@pytest.mark.parametrize("unit", sorted({word for line in LINES if "systemctl" in line for word in line.split()[2:]}))
def test_every_unit_is_there(unit: str) -> None:
    name = re.sub(r"@\d+$", "@", unit)
    assert unit == "--now" or (ROOT / "deploy" / "cluster" / f"{name}.service").is_file()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(finalex_\w+)`", TEXT))))
def test_every_metric_is_one(name: str) -> None:
    watched = "watch_total" if name.endswith("_total") else "watch"
    short = name.removeprefix("finalex_").removesuffix("_total")
    assert re.search(rf'\.{watched}\(\s*"{short}"', SOURCES)


@pytest.mark.parametrize("name", ["nats_lost", "nats_found", "nats_trouble", "child_ended"])
def test_every_line_of_the_log_is_one(name: str) -> None:
    assert f"`{name}`" in TEXT
    assert f'("{name}"' in SOURCES


def test_what_is_written_as_a_setting_is_one() -> None:
    named = set(re.findall(r"`(nats\w*|takeover_ms|instruments|demo_balances|admin_port|source)`", TEXT))
    assert named - set(SETTINGS) - {"nats_lost", "nats_found", "nats_trouble"} == set()


def test_flags_that_stand_in_the_text_are_flags() -> None:
    flags = {setting.flag for setting in SETTINGS.values()}
    assert set(re.findall(r"`(--[a-z-]+)", TEXT)) - flags == set()


def test_the_line_that_must_not_be_missing_is_shipped() -> None:
    assert "sync_interval: always" in TEXT
    shipped = (ROOT / "deploy" / "cluster" / "nats-server.conf").read_text(encoding="utf-8")
    assert re.search(r"^  sync_interval: always$", shipped, re.MULTILINE)


def test_git_keeps_the_secrets_out() -> None:
    asked = ["git", "-C", str(ROOT), "check-ignore", "-q", "deploy/cluster/secrets.env"]
    if subprocess.run(["git", "-C", str(ROOT), "rev-parse"], capture_output=True, check=False).returncode:
        pytest.skip("this is no git checkout")
    assert subprocess.run(asked, check=False).returncode == 0
