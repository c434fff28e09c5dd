"""A whole server that speaks TLS: real chains, changed certificates, and those who do not speak it."""

import asyncio
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect

from finalex import app
from finalex.config import load_config
from finalex.gateway.secure_listener import HINT, SecureListener
from finalex.gateway.tls import Certificate, CertificateError
from finalex.metrics import Metrics
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.settings.origins import SettingError
from support.certificates import Authority

WAIT_S = 60.0
METRICS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SYMBOLS = tuple(DEFAULT_INSTRUMENTS)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@asynccontextmanager
async def secured(folder: Path, authority: Authority, **settings: str) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """Run a server with a certificate of `authority`; yield its port and what a client that trusts it has."""
    chain, key = authority.issue(folder)
    files = {"tls_certificate_file": str(chain), "tls_key_file": str(key), "source": "exchange"}
    config = load_config({"port": "0", "data_dir": str(folder / "data"), **files, **settings}, {})
    async with asyncio.timeout(WAIT_S), app.serving(config) as server:
        yield server.port, ssl.create_default_context(cafile=authority.trust_file(folder))


async def told(port: int, trust: ssl.SSLContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """Connect, and return the greeting and the certificate that was shown."""
    async with connect(f"wss://localhost:{port}", ssl=trust) as client:
        shown = client.transport.get_extra_info("ssl_object").getpeercert()
        return json.loads(await client.recv()), shown


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def page(port: int, trust: ssl.SSLContext, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def plain(port: int, sent: bytes) -> bytes:
    """Send bytes without TLS and return all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_clients_that_trust_the_root_connect_through_the_chain(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        greeting, shown = await told(port, trust)
        assert greeting["data"]["status"] == "connected"
        assert shown["issuer"] == ((("commonName", "Test Issuer"),),)
        assert (await page(port, trust, "/health")).startswith(b"HTTP/1.1 200")


async def test_orders_and_market_data_flow_as_without_it(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust), connect(f"wss://localhost:{port}", ssl=trust) as client:
        await client.recv()
        request = {"id": 1, "method": "subscribe", "params": {"channel": "orderbook", "symbol": "BTC/USDT"}}
        await client.send(json.dumps(request))
        kinds = [json.loads(await client.recv())["type"] for _ in range(2)]
        assert kinds == ["subscribed", "orderbook_snapshot"]


async def test_clients_that_do_not_trust_the_root_refuse(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        with pytest.raises(ssl.SSLCertVerificationError):
            await told(port, ssl.create_default_context())
        assert (await told(port, trust))[0]["type"] == "connection_status"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_old_versions_of_tls_are_refused(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        trust.minimum_version = ssl.TLSVersion.TLSv1
        trust.maximum_version = ssl.TLSVersion.TLSv1_1
        trust.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await told(port, trust)


async def test_tls_1_2_has_forward_secrecy(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        trust.maximum_version = ssl.TLSVersion.TLSv1_2
        async with connect(f"wss://localhost:{port}", ssl=trust) as client:
            assert client.transport.get_extra_info("cipher")[0].startswith("ECDHE-")
        trust.set_ciphers("AES128-GCM-SHA256")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await told(port, trust)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"hello", b"\x00" * 2000])
async def test_whoever_speaks_plainly_is_told_how_to(tmp_path: Path, authority: Authority, sent: bytes) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        answer = await plain(port, sent)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(HINT)
        assert (await told(port, trust))[0]["type"] == "connection_status"


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01", b"\x16\x03\x01\x02\x00" + b"\xff" * 512])
async def test_who_does_not_finish_is_dropped_in_time(tmp_path: Path, authority: Authority, sent: bytes) -> None:
    async with secured(tmp_path, authority, handshake_timeout_ms="200") as (port, trust):
        assert HINT not in await plain(port, sent)
        assert (await told(port, trust))[0]["type"] == "connection_status"


async def test_a_client_that_goes_during_the_handshake_harms_nobody(tmp_path: Path, authority: Authority) -> None:
    async with secured(tmp_path, authority) as (port, trust):
        for sent in (b"", b"\x16\x03\x01"):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(sent)
        assert (await told(port, trust))[0]["type"] == "connection_status"


@pytest.mark.parametrize(("total", "of_one"), [(1, 5), (5, 1)])
async def test_one_too_many_without_a_handshake_is_turned_away(
    tmp_path: Path, authority: Authority, total: int, of_one: int
) -> None:
    chain, key = authority.issue(tmp_path)
    certificate = Certificate(chain, key, Metrics())
    metrics = Metrics()
    listener = SecureListener(
        asyncio.Protocol, certificate, metrics, waiting_max=total, per_peer_max=of_one, timeout_s=WAIT_S
    )
    await listener.start("127.0.0.1", 0, backlog=8)
    port = listener.sockets[0].getsockname()[1]
    try:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        assert metrics.refusals["handshakes"] == 1
        first.close()
        second.close()
    finally:
        listener.close()


async def test_a_client_that_does_not_read_lags_as_without_tls(tmp_path: Path, authority: Authority) -> None:
    admin_port = free_port()
    limits = {"lagging_bytes": "4096", "queue_bytes_max": "65536", "admin_port": str(admin_port)}
    async with secured(tmp_path, authority, source="simulate", history_hours="1", **limits) as (port, trust):
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taken.connect(("127.0.0.1", port))
        async with connect("wss://localhost", sock=taken, ssl=trust, max_queue=1) as slow:
            books = [{"channel": "orderbook", "symbol": symbol, "depth": 1000} for symbol in SYMBOLS]
            await slow.send(json.dumps({"id": 1, "method": "subscribe", "params": {"subscriptions": books}}))
            while b"finalex_lagging_total 1" not in await plain(admin_port, METRICS):
                pass
        assert (await told(port, trust))[0]["type"] == "connection_status"


# --- changed files --------------------------------------------------------------------------------------


async def test_a_new_certificate_is_for_those_who_come_and_nobody_is_cut_off(
    tmp_path: Path, authority: Authority
) -> None:
    chain, key = authority.issue(tmp_path)
    metrics = Metrics()
    certificate = Certificate(chain, key, metrics)
    before = certificate.context
    certificate.refresh()
    assert certificate.context is before
    authority.issue(tmp_path, days=30)
    with capture_logs() as entries:
        certificate.refresh()
    assert certificate.context is not before
    assert [entry["event"] for entry in entries] == ["certificate_taken"]
    assert b"finalex_tls_certificate_expires_seconds" in metrics.text()


async def test_files_that_cannot_be_used_leave_the_old_certificate(tmp_path: Path, authority: Authority) -> None:
    chain, key = authority.issue(tmp_path)
    certificate = Certificate(chain, key, Metrics())
    before = certificate.context
    for broken in (b"no certificate", chain.read_bytes()[:200]):
        chain.write_bytes(broken)
        with capture_logs() as entries:
            certificate.refresh()
            certificate.refresh()
        assert certificate.context is before
        assert [entry["event"] for entry in entries] == ["certificate_not_taken"]
    os.remove(key)
    certificate.refresh()
    assert certificate.context is before


async def test_a_running_server_shows_the_new_certificate(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finalex.gateway.tls.LOOK_INTERVAL_S", 0.01)
    async with secured(tmp_path, authority) as (port, trust), connect(f"wss://localhost:{port}", ssl=trust) as old:
        await old.recv()
        first = (await told(port, trust))[1]["serialNumber"]
        authority.issue(tmp_path)
        while (await told(port, trust))[1]["serialNumber"] == first:
            pass
        await old.send('{"id": 1, "method": "ping"}')
        assert json.loads(await old.recv())["type"] == "pong"


async def test_a_certificate_about_to_end_is_said_once(tmp_path: Path, authority: Authority) -> None:
    chain, key = authority.issue(tmp_path, days=3)
    with capture_logs() as entries:
        watching = asyncio.create_task(Certificate(chain, key, Metrics()).watch())
        await asyncio.sleep(0)
        watching.cancel()
    assert [entry["event"] for entry in entries] == ["certificate_expires"]


# --- wrong settings -------------------------------------------------------------------------------------


def test_a_key_without_its_certificate_is_no_setting(tmp_path: Path) -> None:
    config = load_config({"tls_key_file": str(tmp_path / "a.key")}, {})
    with pytest.raises(SettingError, match="go together"):
        assert config.tls_files


@pytest.mark.parametrize("wrong", ["missing", "another key", "encrypted", "no pem"])
def test_a_certificate_that_cannot_be_used_is_a_sentence(tmp_path: Path, authority: Authority, wrong: str) -> None:
    chain, key = authority.issue(tmp_path, password=b"hunter2" if wrong == "encrypted" else None)
    if wrong == "missing":
        key.unlink()
    elif wrong == "another key":
        other = tmp_path / "other"
        other.mkdir()
        key = authority.issue(other)[1]
    elif wrong == "no pem":
        chain.write_text("hello")
    with pytest.raises(CertificateError, match="cannot be") as caught:
        Certificate(chain, key, Metrics())
    assert "BEGIN" not in str(caught.value)
