"""Secrets are planted all over the life of a server, and appear in nothing that it writes, says or shows."""

import asyncio
import io
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from credentials.signing import forged, signed
from docs.ports import free_port
from finalex.clock import now_ms
from finalex.config import load_config
from finalex.credentials.pepper import PEPPER_FILE_NAME
from finalex.session.auth import Credentials
from finalex.session.tokens import secret_key
from finalex.telemetry import configure_logging
from support.server import WAIT_S

PROGRAM = Path(sys.executable).with_name("finalex")
SECRET = "planted-signing-secret-0123456789-abcdef"
WRONG_KEY = "pk_live_wrongkey" + "PlantedApiKeySecretPart123456789"
"""An API key that nobody made."""


def wrong_token() -> str:
    return forged({"alg": "HS256"}, {"sub": "planted-wrong-user", "exp": now_ms() // 1000 + 600}, b"x" * 32)


@dataclass
class Life:
    """A server in a process of its own, all that was planted, and all that it showed."""

    directory: Path
    process: asyncio.subprocess.Process
    port: int
    admin_port: int
    shown: list[str]
    planted: list[str] = field(default_factory=lambda: [SECRET, WRONG_KEY[16:]])

    def plant_token(self, token: str) -> str:
        """Note that nothing of a token but its header, which all have, may appear; return the token."""
        token = token.strip()
        self.planted += token.split(".")[1:]
        return token

    async def run(self, *arguments: str, given: str = "") -> str:
        """Run a command; return what it prints, which is not noted."""
        place = ("--data-dir", str(self.directory))
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *arguments, *place, stdin=-1, stdout=-1, stderr=-1, env=environment()
        )
        out, err = await asyncio.wait_for(process.communicate(given.encode()), 2 * WAIT_S)
        self.shown.append(err.decode())
        return out.decode()

    async def converse(self, path: str, *messages: str, **headers: str) -> None:
        """Connect, send messages, and note every answer until the connection is of no more use."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(url, additional_headers=headers) as connection:
            try:
                self.shown.append(str(await asyncio.wait_for(connection.recv(), WAIT_S)))
                for message in messages:
                    await connection.send(message)
                    self.shown.append(str(await asyncio.wait_for(connection.recv(), WAIT_S)))
            except ConnectionClosed as closed:
                self.shown.append(str(closed))

    async def ask(self, target: str, *lines: str, port: int | None = None) -> None:
        """Send an HTTP request, to the public port if none is named, and note the whole answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        writer.write("\r\n".join((f"GET {target} HTTP/1.1", "Host: localhost", *lines, "", "")).encode())
        self.shown.append((await asyncio.wait_for(reader.read(), WAIT_S)).decode())
        writer.close()


def arguments_of(process: asyncio.subprocess.Process) -> str:
    """Return what every user of the machine can see of a process."""
    return Path(f"/proc/{process.pid}/cmdline").read_text()


def kept_in(directory: Path) -> bytes:
    """Return all that is in the files of a directory."""
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())


def environment() -> dict[str, str]:
    return {**os.environ, "FINALEX_JWT_SECRET": SECRET}


@asynccontextmanager
async def living(directory: Path, log_format: str) -> AsyncIterator[Life]:
    """Run a server for as long as the block lasts; afterwards all that it wrote is in `shown`."""
    arguments = ("serve", "--port", "0", "--source", "exchange", "--data-dir", str(directory))
    admin_port = free_port()
    logging = ("--log-level", "debug", "--log-format", log_format, "--admin-port", str(admin_port))
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, *logging, stdout=-1, stderr=-1, env=environment()
    )
    assert process.stdout is not None
    welcome = [(await asyncio.wait_for(process.stdout.readline(), WAIT_S)).decode() for _ in range(4)]
    address = next(line.split()[-1] for line in welcome if "WebSocket" in line)
    life = Life(directory, process, int(address.rpartition(":")[2]), admin_port, welcome)
    yield life
    life.shown.append(arguments_of(process))
    process.send_signal(signal.SIGTERM)
    out, err = await asyncio.wait_for(process.communicate(), 2 * WAIT_S)
    life.shown += [out.decode(), err.decode()]


def auth(**params: object) -> str:
    return json.dumps({"id": "r", "method": "auth", "params": params})


async def log_in_and_fail_to(life: Life) -> str:
    """Present good and bad credentials in every way there is; return the API key."""
    token = life.plant_token(await life.run("token", "--user", "alice"))
    key = (await life.run("api-key", "create", "--user", "alice", "--scope", "read")).strip()
    life.planted.append(key[16:])
    wrong = life.plant_token(wrong_token())
    await life.converse(f"/?token={token}", auth(token=token), auth(token=wrong), auth(api_key=key))
    await life.converse(f"/?api_key={key}", auth(api_key=WRONG_KEY), auth(token=wrong, api_key=key))
    await life.converse("/", Authorization=f"Bearer {wrong}")
    await life.converse("/", **{"X-API-Key": WRONG_KEY})
    for query in (
        f"token={wrong}",
        f"api_key={WRONG_KEY}",
        f"token={wrong}&api_key={key}",
        f"token={wrong}&token={wrong}",
    ):
        await life.converse(f"/?{query}")
    expired = life.plant_token(signed("HS256", SECRET, exp=1, sub="alice", jti="planted"))
    await life.converse(f"/?token={expired}")
    return key


async def talk_nonsense(life: Life, key: str) -> None:
    """Send credentials where none belong."""
    wrong = wrong_token()
    life.plant_token(wrong)
    odd = (
        auth(token=[wrong]),
        auth(token=wrong, api_key=WRONG_KEY, other=wrong),
        json.dumps({"id": "r", "method": f"login?token={wrong}", "params": {"token": wrong}}),
        json.dumps({"id": "r", "method": "auth", "params": f"token={wrong}"}),
        json.dumps({"id": "r", "method": "subscribe", "params": {"channel": "ticker", "api_key": WRONG_KEY}}),
        f'{{"method": "auth", "params": {{"token": "{wrong}"',
    )
    await life.converse("/", *odd)
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    for target in ("/", "/metrics", "/nowhere", "/ready", "/docs"):
        await life.ask(f"{target}?token={wrong}&api_key={key}", "Connection: close", f"Cookie: token={wrong}")
        await life.ask(f"{target}?token={wrong}", *upgrade, f"Authorization: Bearer {wrong}", "Sec-WebSocket-Key: bad")
    await life.ask(f"/?token={wrong}", "broken header", f"X-API-Key {key}")


async def look_around(life: Life, key: str) -> None:
    """Note what the operator's commands show while the server runs."""
    rotated = (await life.run("api-key", "rotate", key[:16])).strip()
    life.planted.append(rotated[16:])
    token = life.plant_token(await life.run("token", "--user", "bob"))
    for command in (
        ("token", "revoke", "--user", "bob"),
        ("token", "revoke", "--jti", "abc"),
        ("token", "revoked"),
        ("api-key", "list"),
        ("api-key", "revoke", rotated[:16]),
        ("status",),
    ):
        life.shown.append(await life.run(*command))
    life.shown.append(await life.run("token", "revoke", given=token))
    process = await asyncio.create_subprocess_exec(PROGRAM, "settings", stdout=-1, stderr=-1, env=environment())
    life.shown += [part.decode() for part in await asyncio.wait_for(process.communicate(), 2 * WAIT_S)]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_secret_is_in_anything_that_a_server_shows_in_its_life(log_format: str, tmp_path: Path) -> None:
    async with living(tmp_path, log_format) as life:
        key = await log_in_and_fail_to(life)
        await talk_nonsense(life, key)
        await look_around(life, key)
        await life.ask(f"/metrics?token={life.plant_token(wrong_token())}", "Connection: close", port=life.admin_port)
    life.planted.append((tmp_path / PEPPER_FILE_NAME).read_text().strip())
    audit = (tmp_path / "audit.jsonl").read_text()
    shown = "\n".join([*life.shown, audit])

    assert [planted for planted in life.planted if planted in shown] == []
    assert len(life.planted) > 10
    assert all(len(planted) > 20 and planted.strip() == planted for planted in life.planted)
    assert shown.count('"authenticated":true') == 2
    assert {"login", "login_refused", "api_key_rotated"} <= {json.loads(line)["event"] for line in audit.splitlines()}
    assert "INVALID_TOKEN" in shown
    assert "finalex_audit_entries_lost_total 0.0" in shown


async def test_nothing_but_hashes_of_api_keys_and_no_token_is_kept_on_the_disk(tmp_path: Path) -> None:
    async with living(tmp_path, "json") as life:
        await log_in_and_fail_to(life)
    content = kept_in(tmp_path)

    assert [planted for planted in life.planted if planted.encode() in content] == []


@pytest.fixture
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_restored_logging")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_in_the_traceback_of_a_crash(log_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging("debug", log_format)
    token, config = wrong_token(), load_config({}, {"FINALEX_JWT_SECRET": SECRET, "HOME": "/nowhere"})
    presented = Credentials(token, WRONG_KEY)
    try:
        raise RuntimeError(  # noqa: TRY301 (a crash like any other)
            f"cannot handle GET /?token={token}&api_key={WRONG_KEY} of {presented} with {config} {secret_key(SECRET)}"
        ) from ValueError(f"Authorization: Bearer {token}, X-API-Key: {WRONG_KEY}", config.jwt_secret)
    except RuntimeError:
        structlog.get_logger("finalex.test").exception("crashed", credentials=presented, config=config, token=token)

    assert "RuntimeError" in written.getvalue()
    assert "crashed" in written.getvalue()
    assert [text for text in (SECRET, WRONG_KEY[16:], *token.split(".")[1:]) if text in written.getvalue()] == []
