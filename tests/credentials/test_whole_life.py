"""Credentials on a whole server, handled as an operator does: by the command line, while the server runs."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from credentials.signing import ec_key, ed_key, jwk, key_set, public_pem, rsa_key, signed
from finalex import app
from finalex.audit.file import AUDIT_FILE_NAME
from finalex.clock import now_ms
from finalex.config import load_config
from finalex.credentials.keys import KEYS_FILE_NAME, KeyStore
from finalex.starting import StartError
from support.server import WAIT_S, Client, Server, serving

PROGRAM = Path(sys.executable).with_name("finalex")


async def run(data_dir: Path, *arguments: str, given: str = "") -> tuple[int | None, str, str]:
    """Run `finalex` as its user does; `given` is what stands on its standard input."""
    place = ("--data-dir", str(data_dir))
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, *place, stdin=-1, stdout=-1, stderr=-1)
    out, err = await asyncio.wait_for(process.communicate(given.encode()), 2 * WAIT_S)
    return process.returncode, out.decode(), err.decode()


def fresh(**claims: Any) -> dict[str, Any]:
    """Return the claims of a token that is valid now."""
    return {"iat": now_ms() // 1000, "exp": now_ms() // 1000 + 600} | claims


@asynccontextmanager
async def logged_in(server: Server, query: str) -> AsyncIterator[Client]:
    """Connect with credentials that are good; the greeting is read."""
    async with connect(server.url + query) as connection:
        client = Client(connection)
        assert (await client.receive())["data"].get("authenticated") is True
        yield client


async def refusal(server: Server, query: str) -> str:
    """Connect with credentials that are not, and return why."""
    async with connect(server.url + query) as connection:
        error = json.loads(await asyncio.wait_for(connection.recv(), WAIT_S))
        await asyncio.wait_for(connection.wait_closed(), WAIT_S)
        assert (error["data"]["code"], connection.close_code) == ("INVALID_TOKEN", 3000)
        return str(error["data"]["details"])


async def end_of(client: Client) -> str:
    """Return what a connection hears last, which ends because of its credentials."""
    error = await client.next_of("error")
    await asyncio.wait_for(client.connection.wait_closed(), WAIT_S)
    assert client.connection.close_code == 3000
    return str(error["data"]["details"])


def audited(data_dir: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data_dir / AUDIT_FILE_NAME).read_text().splitlines()]


# --- revocation ---


async def test_a_revoked_token_ends_its_connections_alone_and_is_worthless_also_after_a_restart(tmp_path: Path) -> None:
    settings = {"source": "exchange", "data_dir": str(tmp_path)}
    async with serving(**settings) as server:
        first, second = server.token("alice"), server.token("alice")
        async with logged_in(server, f"/?token={first}") as gone, logged_in(server, f"/?token={second}") as stays:
            code, out, err = await run(tmp_path, "token", "revoke", given=first)
            assert (code, err) == (0, "")
            assert out.endswith("The running server closed 1 connection that they had opened.\n")
            assert await end_of(gone) == "the token was revoked"
            assert (await stays.request("ping"))["type"] == "pong"
        assert await refusal(server, f"/?token={first}") == "the token was revoked"
    async with serving(**settings) as server:
        assert await refusal(server, f"/?token={first}") == "the token was revoked"
        async with logged_in(server, f"/?token={second}"):
            pass
    assert first not in (await run(tmp_path, "token", "revoked"))[1]


async def test_all_tokens_of_a_user_can_be_revoked_and_those_of_others_stay(tmp_path: Path) -> None:
    async with (
        serving(source="exchange", data_dir=str(tmp_path)) as server,
        server.client("alice") as one,
        server.client("alice") as two,
        server.client("bob") as bob,
    ):
        code, out, _ = await run(tmp_path, "token", "revoke", "--user", "alice")
        assert code == 0
        assert "closed 2 connections" in out
        assert [await end_of(client) for client in (one, two)] == ["the token was revoked"] * 2
        assert (await bob.request("ping"))["type"] == "pong"
    assert [entry["user"] for entry in audited(tmp_path) if entry["event"] == "token_revoked"] == ["alice"]


async def test_a_revoked_key_ends_its_connections_and_a_rotated_one_when_its_grace_is_over(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path)) as server:
        _, key, _ = await run(tmp_path, "api-key", "create", "--user", "alice")
        key = key.strip()
        async with logged_in(server, f"/?api_key={key}") as client:
            code, new_key, err = await run(tmp_path, "api-key", "rotate", key[:16], "--grace", "1s")
            assert code == 0, err
            over = {"the credentials have expired", "the API key was revoked"}  # the latter if the server heard it late
            assert await end_of(client) in over
        assert await refusal(server, f"/?api_key={key}") == "the API key is not valid"
        async with logged_in(server, f"/?api_key={new_key.strip()}") as client:
            await run(tmp_path, "api-key", "revoke", new_key[:16])
            assert await end_of(client) == "the API key was revoked"
    events = [entry["event"] for entry in audited(tmp_path)]
    assert events.count("connections_closed") == 2
    assert [event for event in events if event != "connections_closed"] == [
        *("api_key_created", "login", "api_key_rotated", "login_refused", "login", "api_key_revoked"),
    ]
    store = KeyStore(tmp_path / KEYS_FILE_NAME)
    assert all(record.last_used_ms for record in store.records())
    store.close()


async def test_what_to_revoke_must_be_said_clearly(tmp_path: Path) -> None:
    wrong = {
        ("--jti", "a", "--user", "b"): "--jti or --user, not both",
        ("--user", "a b"): "There can be no user 'a b'",
        ("--jti", "j" * 257): "at most 256 characters",
        ("--jti", "a", "--ttl", "soon"): "Time 'soon' must be",
        (): "What stands on standard input is no token",
    }
    for arguments, says in wrong.items():
        code, out, err = await run(tmp_path, "token", "revoke", *arguments)
        assert (code, out) == (2, "")
        assert says in err
    without_id = signed("HS256", "s" * 32, jti=...)
    assert "no 'jti'" in (await run(tmp_path, "token", "revoke", given=without_id))[2]
    assert (await run(tmp_path, "token", "revoked"))[1].split() == ["TOKENS", "REVOKED", "KEPT", "UNTIL"]


# --- whose tokens ---


@asynccontextmanager
async def issuer(answers: list[bytes]) -> AsyncIterator[str]:
    """Serve the last of `answers` as a key set, and return its URL; nothing is said while there is none."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answers:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answers[-1])
            writer.write_eof()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    finally:
        server.close()


async def test_keys_of_an_issuer_come_into_use_and_go_without_a_restart() -> None:
    old, new = (jwk("ES256", ec_key(number), kid=f"k{number}") for number in range(2))
    first, second = (signed("ES256", ec_key(n), {"kid": f"k{n}"}, **fresh(iss="i", aud="f")) for n in range(2))
    answers = [key_set(old)]
    async with issuer(answers) as url:
        rules = {"jwt_jwks_url": url, "jwt_jwks_refresh_ms": "1000", "jwt_issuer": "i", "jwt_audience": "f"}
        async with serving(source="exchange", handshakes_per_minute_max="1000000", **rules) as server:
            await accepted(server, first)
            assert await refusal(server, f"/?token={second}") == "the token's key is not known"
            answers.append(key_set(new))
            await accepted(server, second)
            assert await refusal(server, f"/?token={first}") == "the token's key is not known"
            assert "not valid" in await refusal(server, f"/?token={server.token('alice')}")


async def accepted(server: Server, token: str) -> None:
    """Connect with `token` until it is accepted: its key may still be on the way."""
    async with asyncio.timeout(WAIT_S):
        while True:
            async with connect(f"{server.url}/?token={token}") as connection:
                if json.loads(await connection.recv())["type"] == "connection_status":
                    return


async def test_an_issuer_that_says_nothing_holds_nobody_up_and_lets_nobody_in() -> None:
    async with issuer([]) as url, serving(source="exchange", jwt_jwks_url=url) as server:
        assert "not known" in await refusal(server, f"/?token={signed('ES256', ec_key(), {'kid': 'k'}, **fresh())}")
        async with server.client() as client:
            assert (await client.request("ping"))["type"] == "pong"


@pytest.mark.parametrize("make", [rsa_key, ec_key, ed_key])
async def test_tokens_are_verified_with_a_file_of_public_keys_and_with_a_secret_beside_it(
    make: Any, tmp_path: Path
) -> None:
    algorithm = {rsa_key: "RS256", ec_key: "ES256", ed_key: "EdDSA"}[make]
    file = tmp_path / "issuer.pem"
    file.write_bytes(public_pem(make()))
    secret = "a secret of the server, long enough"
    config = load_config(
        {"port": "0", "data_dir": str(tmp_path / "data"), "source": "exchange", "jwt_public_key_file": str(file)},
        {"FINALEX_JWT_SECRET": secret},
    )
    async with app.serving(config) as running:
        server = Server(config, running.port, running.source, tmp_path, running.admin_port)
        async with logged_in(server, f"/?token={signed(algorithm, make(), **fresh())}"):
            pass
        async with logged_in(server, f"/?token={signed('HS256', secret, **fresh())}"):
            pass
        await refusal(server, f"/?token={signed('HS256', file.read_text().replace('-----', ''), **fresh())}")


async def test_a_server_that_cannot_read_its_keys_does_not_start_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "issuer.pem"
    file.write_text("nothing")

    with pytest.raises(StartError, match="must hold 1 to 64 public keys"):
        async with serving(source="exchange", jwt_public_key_file=str(file)):
            pass


async def test_no_token_is_made_that_the_server_would_not_accept(tmp_path: Path) -> None:
    code, out, err = await run(tmp_path, "token", "--user", "alice", "--config", str(configured(tmp_path)))

    assert (code, out) == (1, "")
    assert "set 'jwt_secret' to have both" in err


def configured(tmp_path: Path) -> Path:
    file = tmp_path / "finalex.toml"
    file.write_text('jwt_jwks_url = "https://issuer.example/keys"\n')
    return file


@pytest.mark.parametrize("url", ["http://issuer.example/keys", "http://10.0.0.1/keys", "http://127.0.0.1.example/k"])
async def test_a_key_set_that_anybody_on_the_way_could_change_must_be_allowed(url: str, tmp_path: Path) -> None:
    code, _, err = await run(tmp_path, "serve", "--jwt-jwks-url", url)

    assert code == 2
    assert "must be https, or http to this machine itself; 'jwt_jwks_insecure' allows others" in err
    assert load_config({"jwt_jwks_url": url, "jwt_jwks_insecure": "true"}, {}).jwt_jwks_url == url


# --- the audit log ---


async def test_logins_go_on_when_the_audit_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / AUDIT_FILE_NAME).mkdir()
    async with serving(source="exchange", data_dir=str(tmp_path)) as server:
        async with server.client("alice") as client:
            assert (await client.request("ping"))["type"] == "pong"
        await refusal(server, "/?token=nonsense")
        async with asyncio.timeout(WAIT_S):
            while "finalex_audit_entries_lost_total 2.0" not in await metrics_of(server):
                pass


async def metrics_of(server: Server) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.admin_port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = (await asyncio.wait_for(reader.read(), WAIT_S)).decode()
    writer.close()
    return text


async def test_the_audit_log_can_be_switched_off(tmp_path: Path) -> None:
    async with serving(source="exchange", data_dir=str(tmp_path), audit_log="false") as server, server.client("alice"):
        pass
    assert not (tmp_path / AUDIT_FILE_NAME).exists()
