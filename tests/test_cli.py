"""The command line, end to end: what it prints, where, and how it exits."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jwt
import pytest

from finalex import __version__
from finalex.cli import run_command
from finalex.config import SETTINGS
from finalex.settings.page import settings_page

PROGRAM = Path(sys.executable).with_name("finalex")
SECRET = "a secret that is certainly long enough"


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Terminal:
    """Runs `finalex` for a user whose home is empty at first."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "COLUMNS": "120"}

    def run(self, *arguments: str, **environment: str) -> Result:
        done = subprocess.run(
            [PROGRAM, *arguments], env=self.environment | environment, capture_output=True, text=True, cwd=self.home
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


COMMANDS = [
    ["serve"],
    ["token"],
    ["token", "revoke"],
    ["token", "revoked"],
    ["token", "adopt"],
    ["api-key"],
    ["api-key", "create"],
    ["api-key", "list"],
    ["api-key", "revoke"],
    ["api-key", "rotate"],
    ["instruments"],
    ["record"],
    ["reference"],
    ["settings"],
    ["version"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str], terminal: Terminal) -> None:
    code, out, err = terminal.run(*command, "--help")

    assert (code, err) == (0, "")
    assert f"Usage: finalex {' '.join(command)}" in out


def test_without_a_command_there_is_an_overview(terminal: Terminal) -> None:
    code, out, _ = terminal.run()

    assert code == 0
    assert all(command[0] in out for command in COMMANDS)


def test_serve_has_a_flag_for_every_setting_but_secrets(terminal: Terminal) -> None:
    flags = set(re.findall(r"│ +(--[a-z-]+)", terminal.run("serve", "--help").out))

    assert flags == {"--config"} | {setting.flag for setting in SETTINGS.values() if setting.flag}


def test_the_version_is_printed(terminal: Terminal) -> None:
    assert terminal.run("version") == (0, f"finalex {__version__}\n", "")
    assert terminal.run("--version") == (0, f"finalex {__version__}\n", "")


def test_settings_are_documented(terminal: Terminal) -> None:
    assert terminal.run("settings") == (0, settings_page(SETTINGS), "")


def test_a_token_and_nothing_else_is_printed(terminal: Terminal) -> None:
    code, out, err = terminal.run(
        "token", "--user", "alice", "--ttl", "90m", "--scope", "read", FINALEX_JWT_SECRET=SECRET
    )

    claims = jwt.decode(out.strip(), SECRET, algorithms=["HS256"])
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) in (
        ("alice", "read", 5400),
        ("alice", "read", 5401),
    )


def test_tokens_are_signed_with_a_secret_made_at_the_first_need(terminal: Terminal) -> None:
    token = terminal.run("token", "--user", "alice").out.strip()

    file = terminal.home / ".local" / "share" / "finalex" / "jwt-secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert jwt.decode(token, file.read_text().strip(), algorithms=["HS256"])["scope"] == "read trade"


def test_keys_are_made_listed_and_revoked(terminal: Terminal) -> None:
    created = terminal.run("api-key", "create", "--user", "alice", "--label", "trading desk", "--ttl", "90d")
    key = created.out.strip()
    listed = terminal.run("api-key", "list").out
    revoked = terminal.run("api-key", "revoke", key[:16])

    assert re.fullmatch(r"pk_live_\w{40}", key)
    assert (created.code, revoked.code) == (0, 0)
    assert key not in created.err + listed + revoked.out
    assert re.search(rf"^{key[:16]}  alice  read,trade  valid .* trading desk$", listed, re.MULTILINE)
    assert "revoked" in terminal.run("api-key", "list").out


def test_a_test_key_says_so(terminal: Terminal) -> None:
    assert terminal.run("api-key", "create", "--user", "alice", "--test").out.startswith("pk_test_")


def test_a_key_that_is_not_there_is_a_failure(terminal: Terminal) -> None:
    code, out, err = terminal.run("api-key", "revoke", "pk_live_00000000")

    assert (code, out) == (1, "")
    assert err == "finalex: There is no such key; 'finalex api-key list' shows them all.\n"


def test_a_broken_key_store_is_a_failure_in_one_sentence(terminal: Terminal) -> None:
    (terminal.home / "keys.sqlite").write_bytes(b"no database" * 1000)

    code, out, err = terminal.run("api-key", "list", "--data-dir", str(terminal.home))

    assert (code, out) == (1, "")
    assert err == f"finalex: The API keys in '{terminal.home}/keys.sqlite' cannot be used: file is not a database.\n"


def test_instruments_are_listed_as_configured(terminal: Terminal) -> None:
    lines = terminal.run("instruments").out.splitlines()

    assert lines[0].startswith("SYMBOL    TICK_SIZE  LOT_SIZE")
    assert lines[1].startswith("BTC/USDT  0.01       0.00001")
    assert len(lines) == 9


def test_instruments_print_as_a_file_that_configures_them(terminal: Terminal) -> None:
    (terminal.home / "finalex.toml").write_text(terminal.run("instruments", "--toml").out)

    assert terminal.run("instruments", "--config", "finalex.toml") == terminal.run("instruments")
    assert terminal.run("instruments", FINALEX_CONFIG="finalex.toml") == terminal.run("instruments")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "finalex: Unknown command"),
        (["serve", "--prot", "1"], "finalex: Unknown option: --prot. Did you mean --port?"),
        (["serve", "--port"], "--port requires an argument"),
        (["serve", "--port", "1", "--port", "2"], "--port specified multiple times"),
        (["serve", "--port", "x"], "Setting 'port' is 'x' (flag --port), but must be a whole number from 0 to 65535."),
        (["serve", "--loop=maybe"], "--loop"),
        (["serve", "--source", "replay:nowhere"], "(flag --source) is wrong: there is no file or directory 'nowhere'"),
        (["serve", "--jwt-secret", SECRET], "Unknown option: --jwt-secret."),
        (["serve", "--config", "nowhere.toml"], "The configuration file 'nowhere.toml' cannot be read"),
        (["token"], "--user requires an argument"),
        (["token", "--user", "a b"], "User name 'a b' must have"),
        (["token", "--user", "sim-maker"], "User name 'sim-maker' is reserved"),
        (["token", "--user", "a", "--ttl", "soon"], "Time 'soon' must be"),
        (["token", "--user", "a", "--scope", "all"], "Scope 'all' must be"),
        (["api-key", "create", "--user", "@fees"], "User name '@fees' is reserved"),
        (["api-key", "create", "--user", "a", "--label", "x" * 65], "A label must have at most 64"),
        (["version", "\x1b[31m\n"], "finalex: Unused"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "environ", {"HOME": str(tmp_path)})

    code = run_command(arguments)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert SECRET not in err


def test_a_wrong_environment_stops_every_command_that_needs_settings(terminal: Terminal) -> None:
    expected = Result(2, "", "finalex: Unknown environment variable 'FINALEX_PROT'; did you mean 'FINALEX_PORT'?\n")

    for command in (["serve"], ["token", "--user", "a"], ["api-key", "list"], ["instruments"]):
        assert terminal.run(*command, FINALEX_PROT="1") == expected


def test_a_secret_that_others_can_read_is_a_failure(terminal: Terminal) -> None:
    file = terminal.home / "jwt-secret"
    file.write_text(SECRET)
    file.chmod(0o644)

    code, out, err = terminal.run("token", "--user", "a", "--data-dir", str(terminal.home))

    assert (code, out) == (1, "")
    assert err == f"finalex: The secret in '{file}' can be read by other users: run chmod 600 on it.\n"


SERVE = """
import json, os, signal, sys, types

def run(config):
    print(json.dumps([config.port, config.loop, str(config.source), config.speed]))
    {then}

app = types.ModuleType("finalex.app")
app.run = run
sys.modules["finalex.app"] = app
from finalex.cli import main
sys.exit(main())
"""


def serve(terminal: Terminal, *arguments: str, then: str) -> Result:
    """Run `finalex serve` with something else in the server's place."""
    command = [sys.executable, "-c", SERVE.format(then=then), "serve", *arguments]
    done = subprocess.run(command, env=terminal.environment, capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


def test_serve_runs_the_server_with_the_configuration_and_exits_as_it_does(terminal: Terminal) -> None:
    arguments = ("--port", "0", "--loop", "--source", f"replay:{__file__}", "--speed", "max")

    code, out, err = serve(terminal, *arguments, then="return 7")

    assert (code, json.loads(out), err) == (7, [0, True, f"replay:{__file__}", None], "")


def test_an_error_of_the_system_is_one_sentence(terminal: Terminal) -> None:
    code, _, err = serve(terminal, then="raise OSError(98, 'Address already in use')")

    assert (code, err) == (1, "finalex: [Errno 98] Address already in use\n")


def test_an_interrupt_is_quiet(terminal: Terminal) -> None:
    code, _, err = serve(terminal, then="signal.raise_signal(signal.SIGINT)")

    assert (code, err) == (128 + signal.SIGINT, "")


def test_a_reader_that_goes_away_is_no_error(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        done = subprocess.run([PROGRAM, "settings"], env=terminal.environment, stdout=out, stderr=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
