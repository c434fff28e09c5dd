"""One document fetched over HTTP, within a time and a size: what is on the other side is not trusted to end."""

import asyncio
import http.client
import socket
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

TIMEOUT_S = 5.0
"""How long everything may take, from the name's resolution to the last byte."""

BYTES_MAX = 1 << 18


class FetchError(Exception):
    """The document cannot be had; the text says why, in the middle of a sentence."""


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_url(text: str) -> SplitResult | None:
    """Return the parts of an absolute http or https URL without user, password or fragment; `None` for others."""
    if not (text.isascii() and text.isprintable() and " " not in text and "\\" not in text):
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc and "#" not in text else None


async def fetch(url: str, timeout_s: float = TIMEOUT_S, bytes_max: int = BYTES_MAX) -> bytes:
    """Return the body of what `url` answers with 200; raises `FetchError`, after `timeout_s` at the latest.

    Redirects are not followed. A thread does it that nobody waits for any longer than that: not even the end of the
    process.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bytes] = loop.create_future()
    transfer = _Transfer(url, timeout_s, bytes_max)

    def settle(body: bytes | None, problem: str) -> None:
        if result.done():
            return
        if body is None:
            result.set_exception(FetchError(problem))
        else:
            result.set_result(body)

    def run() -> None:
        body, problem = transfer.run()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, body, problem)

    threading.Thread(target=run, name="finalex-fetch", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            return await result
    except TimeoutError:
        raise FetchError(_late(timeout_s)) from None
    finally:
        transfer.abort()


class _Transfer:
    """A request in a thread of its own, and the way to end it from another."""

    def __init__(self, url: str, timeout_s: float, bytes_max: int) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._bytes_max = bytes_max
        self._connection: http.client.HTTPConnection | None = None
        self._aborted = False

    def abort(self) -> None:
        """End it, if it has not ended; what waits for the network then fails."""
        self._aborted = True
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def run(self) -> tuple[bytes | None, str]:
        """Return the body, or `None` and why there is none."""
        try:
            return self._run(), ""
        except FetchError as error:
            return None, str(error)
        except TimeoutError:
            return None, _late(self._timeout_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, _reason(error)
        finally:
            if self._connection is not None:
                self._connection.close()

    def _run(self) -> bytes:
        parts = urlsplit(self._url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        self._connection.connect()
        if self._aborted:
            raise FetchError(_late(self._timeout_s))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
        response = self._connection.getresponse()
        if response.status != http.client.OK:
            raise FetchError(f"it answers with status {response.status}")
        body = response.read(self._bytes_max + 1)
        if len(body) > self._bytes_max:
            raise FetchError(f"it is larger than {self._bytes_max} bytes")
        if response.length:
            raise FetchError("it ends too early")
        return body


def _late(timeout_s: float) -> str:
    return f"it took longer than {timeout_s:g} s"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it does not answer as HTTP does"
