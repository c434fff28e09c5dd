"""Certificates for tests: an authority, one below it, and servers' own, in files as operators have them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Signer:
    """Whoever signs certificates."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def new_signer(name: str, above: Signer | None = None) -> Signer:
    """Return an authority that signs itself, or is signed by another."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, above, key.public_key(), 365)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(above.key if above else key, SHA256())
    return Signer(certificate, key)


class Authority:
    """A root, and an authority below it that signs servers' certificates."""

    def __init__(self) -> None:
        self.root = new_signer("Test Root")
        self.below = new_signer("Test Issuer", self.root)

    def issue(self, folder: Path, days: int = 90, password: bytes | None = None) -> tuple[Path, Path]:
        """Write a certificate for this machine with its chain, and its key; return the two files."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = _builder("localhost", self.below, key.public_key(), days)
        leaf = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(self.below.key, SHA256())
        encryption: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
        chain, private = folder / "server.pem", folder / "server.key"
        chain.write_bytes(leaf.public_bytes(Encoding.PEM) + self.below.pem())
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return chain, private

    def trust_file(self, folder: Path) -> Path:
        """Write what a client must trust, and return the file."""
        file = folder / "root.pem"
        file.write_bytes(self.root.pem())
        return file


def _builder(name: str, above: Signer | None, public: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(above.certificate.subject if above else name_of(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + days * DAY)
    )
