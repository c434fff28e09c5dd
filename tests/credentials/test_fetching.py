"""Fetching a document from a host that is dead, slow, huge, wandering or mad: nobody waits, nothing grows."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from credentials.signing import ec_key
from finalex.credentials.fetching import FetchError, fetch, is_loopback, split_url

Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a host does once it has read the head of a request."""

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@asynccontextmanager
async def host(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve each connection with `answer` and return the URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys?a=b"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(content: bytes) -> Answer:
    async def answer(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        await reader.read()

    return answer


async def silent(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""
    await reader.read()


def self_signed(directory: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "certificate.pem", directory / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


async def test_a_document_is_fetched_with_its_query_and_nothing_of_ours() -> None:
    heads = []

    async def answer(head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(head.decode().split("\r\n"))
        writer.write(HEAD + b"Content-Length: 5\r\n\r\nhello")
        await writer.drain()

    async with host(answer) as url:
        assert await fetch(url) == b"hello"

    assert heads[0][0] == "GET /keys?a=b HTTP/1.1"
    assert not {line.partition(":")[0].lower() for line in heads[0]} & {"cookie", "authorization", "x-api-key"}


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"\r\nhello",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"\r\nhello",
    ],
)
async def test_a_body_is_read_however_its_end_is_told(content: bytes) -> None:
    async with host(says(content)) as url:
        assert await fetch(url) == b"hello"


REFUSED = {
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "answers with status 302"),
    "an error": (b"HTTP/1.1 500 Oh\r\n\r\nhello", "answers with status 500"),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n\r\n", "answers with status 304"),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "answers with status 204"),
    "huge": (HEAD + b"\r\n" + b"x" * 1001, "larger than 1000 bytes"),
    "huge by its word": (HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 2000, "larger than 1000 bytes"),
    "cut off": (HEAD + b"Content-Length: 500\r\n\r\nhello", "ends too early"),
    "a bad chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", "does not answer as HTTP does"),
    "no HTTP": (b"220 mail.example ESMTP\r\n", "does not answer as HTTP does"),
    "nothing": (b"", "does not answer as HTTP does"),
    "an endless line": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "does not answer as HTTP does"),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000, "does not answer as HTTP does"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
async def test_anything_else_is_refused(content: bytes, reason: str) -> None:
    async with host(says(content)) as url:
        with pytest.raises(FetchError, match=reason):
            await fetch(url, bytes_max=1000)


async def test_a_host_that_says_nothing_is_given_up_while_all_else_goes_on() -> None:
    async with host(silent) as url:
        attempt = asyncio.create_task(fetch(url, timeout_s=0.2))
        turns = 0
        while not attempt.done():
            await asyncio.sleep(0)
            turns += 1

        assert turns > 10
        with pytest.raises(FetchError, match=r"took longer than 0\.2 s"):
            await attempt


@pytest.mark.parametrize("begin", [b"", HEAD, HEAD + b"\r\n"])
async def test_a_host_that_drips_is_given_up_in_the_same_time(begin: bytes) -> None:
    async def drip(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with host(drip) as url:
        with pytest.raises(FetchError, match=r"took longer than 0\.3 s"):
            await fetch(url, timeout_s=0.3)


async def test_the_thread_of_an_attempt_that_was_given_up_ends() -> None:
    before = set(threading.enumerate())
    async with host(silent) as url:
        with pytest.raises(FetchError):
            await fetch(url, timeout_s=0.2)

    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


async def test_a_host_that_is_dead_is_named_as_such() -> None:
    async with host(silent) as url:
        pass

    with pytest.raises(FetchError, match="refused"):
        await fetch(url)


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))
    async with host(says(HEAD + b"\r\nhello"), context) as url:
        with pytest.raises(FetchError, match="its certificate is not accepted"):
            await fetch(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://a.example/", "https://a.example", "http://127.0.0.1:5/k?x=y", "https://[::1]:443/keys"),
        "https://a.example:8443/.well-known/jwks.json",
    ],
)
def test_http_urls_are_taken_apart(url: str) -> None:
    assert split_url(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        *("", "a.example", "/keys", "file:///etc/passwd", "ftp://a.example/", "https://", "https:///keys"),
        *("https://user:pw@a.example/", "https://user@a.example/", "https://a.example/#f", "https://a.example:0/"),
        *("https://a.example:99999/", "https://a.example/a b", "https://a.example/\r\nX: y", "https://é.example/"),
        *("https://a.example\\@b.example/", "https://[::1/"),
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    assert split_url(url) is None


def test_this_machine_is_told_from_others() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.9.1", "::1"]))
    assert not any(map(is_loopback, ["localhost.example", "10.0.0.1", "::2", "a.example", ""]))
