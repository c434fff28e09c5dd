"""nginx with the configuration that we ship, in a directory of its own and in front of a server of a test."""

import asyncio
import datetime as dt
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from docs.ports import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NAME = "ws.example.com"
START_S = 20.0

_WHOLE = """\
daemon off;
master_process off;
pid nginx.pid;
error_log errors.log info;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{included}
}}
"""


@dataclass(frozen=True)
class Proxy:
    """nginx that runs: where, and the files that it writes."""

    directory: Path
    port: int
    plain_port: int

    def trust(self) -> ssl.SSLContext:
        """Return a context that takes its certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.directory / "certificate.pem"))

    @property
    def log(self) -> str:
        """All that it has written down of requests."""
        return "".join(path.read_text(encoding="utf-8") for path in self.directory.glob("*.log"))


def prepare(directory: Path, server_port: int) -> tuple[Proxy, list[str]]:
    """Write what nginx needs into `directory`; return it and the command. Skips the test where there is no nginx."""
    if NGINX is None:
        pytest.skip("nginx is not installed here: its configuration was not tried")
    proxy = Proxy(directory, free_port(), free_port())
    write_certificate(directory)
    (directory / "nginx.conf").write_text(_WHOLE.format(included=adapted(proxy, server_port)), encoding="utf-8")
    return proxy, [NGINX, "-p", str(directory), "-c", "nginx.conf", "-e", "errors.log"]


def adapted(proxy: Proxy, server_port: int) -> str:
    """Return our configuration with the addresses and files of this test, and nothing else changed."""
    text = re.sub(r"^ *listen \[::\].*\n", "", CONFIGURATION.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for wanted, given in (
        ("listen 80;", f"listen 127.0.0.1:{proxy.plain_port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{proxy.port} ssl;"),
        ("server 127.0.0.1:8081;", f"server 127.0.0.1:{server_port};"),
        (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(proxy.directory / "certificate.pem")),
        (f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(proxy.directory / "key.pem")),
        ("/var/log/nginx/", f"{proxy.directory}/"),
    ):
        assert wanted in text, wanted
        text = text.replace(wanted, given)
    return text


@asynccontextmanager
async def nginx_before(server_port: int, directory: Path) -> AsyncIterator[Proxy]:
    """Run nginx before a server."""
    proxy, command = prepare(directory, server_port)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        await until_open(proxy.port)
        yield proxy
    finally:
        process.terminate()
        await process.communicate()


async def until_open(port: int) -> None:
    """Wait until a port takes connections."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                await writer.wait_closed()
                return


def check(directory: Path) -> "subprocess.CompletedProcess[str]":
    """Let nginx read the configuration and say what it thinks of it."""
    _, command = prepare(directory, free_port())
    return subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=60)


def write_certificate(directory: Path) -> None:
    """Write a certificate that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (directory / "key.pem").write_bytes(key.private_bytes(*form))
