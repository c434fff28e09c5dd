"""What the doctor says of a certificate."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from finalex.terminal.doctor.certificate import look_at_certificate
from finalex.terminal.doctor.findings import Outcome


def write_certificate(directory: Path, days: int) -> Path:
    """Write a certificate of 127.0.0.1, and its key, into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.transport.abort()

    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"wss://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_certificate_that_is_valid_for_long_is_fine(tmp_path: Path) -> None:
    path = write_certificate(tmp_path, days=90)
    async with tls_server(path) as url:
        finding = await look_at_certificate(url, ssl.create_default_context(cafile=path))

    assert (finding.outcome, finding.details) == (Outcome.OK, "TLSv1.3, the certificate is valid for 90 more days")


async def test_a_certificate_that_ends_soon_is_a_finding(tmp_path: Path) -> None:
    path = write_certificate(tmp_path, days=3)
    async with tls_server(path) as url:
        finding = await look_at_certificate(url, ssl.create_default_context(cafile=path))

    assert (finding.outcome, finding.details) == (Outcome.FAILED, "TLSv1.3, the certificate is valid for 3 more days")


async def test_a_certificate_that_nobody_knows_is_a_finding(tmp_path: Path) -> None:
    async with tls_server(write_certificate(tmp_path, days=90)) as url:
        finding = await look_at_certificate(url)

    assert finding.outcome is Outcome.FAILED
    assert "self-signed certificate" in finding.details
