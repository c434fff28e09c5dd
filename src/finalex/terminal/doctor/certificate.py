"""What a server shows of itself before anything is said: its TLS version and its certificate."""

import asyncio
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from finalex.clock import now_ms
from finalex.terminal.doctor.findings import Finding, found

HANDSHAKE_S_MAX = 10.0
DAYS_MIN = 7
"""A certificate that ends sooner is a finding."""

_PORT = 443
_DAY_MS = 86_400_000


async def look_at_certificate(
    url: str, context: ssl.SSLContext | None = None, clock_ms: Callable[[], int] = now_ms
) -> Finding:
    """Return what the TLS handshake with the server at `url` shows; `context` is the system's by default."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(HANDSHAKE_S_MAX):
            chosen = context or ssl.create_default_context()
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _PORT, ssl=chosen)
    except (OSError, TimeoutError) as error:
        return found("certificate", str(error) or "no answer", "")
    shown = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    ends_ms = ssl.cert_time_to_seconds(shown.getpeercert()["notAfter"]) * 1000
    days = (ends_ms - clock_ms()) // _DAY_MS
    details = f"{shown.version()}, the certificate is valid for {days} more days"
    return found("certificate", details if days < DAYS_MIN else None, details)
