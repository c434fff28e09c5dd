"""The page on authentication: its commands work as they stand there, and what it says of claims is so."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from finalex import app
from finalex.config import SETTINGS, load_config
from support.server import Client

PAGE = (Path(__file__).parents[2] / "docs" / "authentication.md").read_text(encoding="utf-8")
KEY_OF_THE_PAGE = "pk_live_1a2B3c4D"


def blocks(language: str) -> list[str]:
    """Return the blocks of the page that are in a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def run(directory: Path, command: str) -> str:
    """Run a line of the page as its reader does; return what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    done = subprocess.run(["bash", "-c", command], cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return where the reader of the page works."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    return tmp_path


def test_every_command_of_the_page_works(directory: Path) -> None:
    key = ""
    printed = {}
    for line in "".join(blocks("sh")).splitlines():
        command = line.replace(KEY_OF_THE_PAGE, key[:16])
        printed[line] = run(directory, command)
        if "api-key create" in line:
            key = printed[line]

    assert KEY_OF_THE_PAGE in "".join(printed)
    assert "revoked" in printed[f"finalex api-key revoke {KEY_OF_THE_PAGE}"]
    assert len(printed["openssl rand -base64 48"]) >= 64
    assert "'3q2-7wABAgMEBQYH'" in printed["finalex token revoked"]


@pytest.mark.parametrize("command", re.findall(r"`(openssl genpkey -algorithm (?:EC|RSA)[^`]*)`", PAGE))
def test_other_kinds_of_keys_are_made_as_the_page_says(command: str, directory: Path) -> None:
    run(directory, f"{command} | openssl pkey -pubout -out issuer.pem")
    config = load_config({"jwt_public_key_file": str(directory / "issuer.pem"), "data_dir": str(directory)}, {})

    assert not config.own_tokens


async def test_a_token_of_the_pages_service_is_accepted_with_the_pages_configuration(directory: Path) -> None:
    for line in blocks("sh")[2].splitlines():
        run(directory, line)
    (directory / "service.py").write_text(blocks("python")[0])
    token = run(directory, "python service.py").strip()
    (directory / "finalex.toml").write_text(blocks("toml")[0])
    flags: dict[str, str | bool] = {
        "port": "0",
        "source": "exchange",
        "data_dir": str(directory / "data"),
        "jwt_public_key_file": str(directory / "issuer.pem"),
    }
    config = load_config(flags, {}, str(directory / "finalex.toml"))
    async with app.serving(config) as server, connect(f"ws://127.0.0.1:{server.port}/?token={token}") as connection:
        greeting = await Client(connection).receive()

    assert greeting["data"]["authenticated"] is True


def test_the_page_names_every_setting_of_authentication() -> None:
    names = [name for name in SETTINGS if name.startswith(("jwt_", "audit_log_"))]

    assert len(names) > 9
    assert [name for name in names if f"`{name}`" not in PAGE] == []
