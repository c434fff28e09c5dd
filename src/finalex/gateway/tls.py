"""TLS: the certificate that is shown, taken anew when its files change."""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509

from finalex.metrics import Metrics

LOOK_INTERVAL_S = 5.0
"""How soon changed files are noticed."""

EXPIRY_WARNING_S = 14 * 86_400
WARNINGS_APART_S = 86_400.0

_log = structlog.get_logger("finalex.tls")

Stamp = tuple[tuple[int, int, int], ...]
"""What changes when the files do."""


class CertificateError(Exception):
    """A certificate that cannot be used; the text is a sentence for the operator, and holds nothing of the key."""


class Certificate:
    """A chain and its key in two PEM files; `context` is for new connections, and those there are keep theirs.

    Raises `CertificateError` at first; later, files that cannot be used are said, and what was there before stays.
    """

    def __init__(self, chain: Path, key: Path, metrics: Metrics) -> None:
        self._files = (chain, key)
        self._stamp = self._look()
        self._warned_s = -WARNINGS_APART_S
        self.context, self._expires_s = self._load()
        metrics.watch("tls_certificate_expires_seconds", "When the certificate ends, since 1970", self._end_s)

    async def watch(self) -> None:
        """Look at the files again and again."""
        while True:
            self._warn(time.time())
            await asyncio.sleep(LOOK_INTERVAL_S)
            self.refresh()

    def refresh(self) -> None:
        """Take the files anew if they have changed."""
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.context, self._expires_s = self._load()
        except CertificateError as error:
            _log.error("certificate_not_taken", problem=str(error))
        else:
            _log.info("certificate_taken", expires=_text(self._expires_s))

    def _end_s(self) -> float:
        return self._expires_s

    def _warn(self, now_s: float) -> None:
        if self._expires_s - now_s < EXPIRY_WARNING_S and now_s - self._warned_s >= WARNINGS_APART_S:
            self._warned_s = now_s
            _log.warning("certificate_expires", expires=_text(self._expires_s))

    def _look(self) -> Stamp:
        try:
            return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in (file.stat() for file in self._files))
        except OSError:
            return ()

    def _load(self) -> tuple[ssl.SSLContext, float]:
        chain, key = self._files
        context = new_context()
        try:
            context.load_cert_chain(chain, key, password=_no_password)
            leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        except OSError as error:  # ssl.SSLError is one, too
            raise CertificateError(
                f"the certificate {chain} with the key {key} cannot be used: {_why(error)}"
            ) from None
        except ValueError as error:
            raise CertificateError(f"the certificate {chain} cannot be read: {error}") from None
        return context, leaf.not_valid_after_utc.timestamp()


def new_context() -> ssl.SSLContext:
    """Return a context for a server: TLS 1.2 with forward secrecy and authenticated encryption, or 1.3.

    That is Mozilla's "intermediate" configuration, without its ciphers that no current client needs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted: a server needs one without a password")


def _why(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).lower().replace("_", " ")


def _text(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
