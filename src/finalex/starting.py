"""What every process that serves does when it starts: a place for its files, who its clients are, where it listens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from finalex.authentication import Authentication
from finalex.config import Config
from finalex.credentials.key_sets import KeySetError
from finalex.gateway.back_door import BackDoor
from finalex.gateway.server import Gateway
from finalex.gateway.tls import Certificate, CertificateError
from finalex.metrics import Metrics
from finalex.settings.places import IN_MEMORY


class StartError(Exception):
    """The server cannot start; the text is a sentence for the operator."""


@contextmanager
def data_directory(config: Config) -> Iterator[Config]:
    """Give a server that keeps nothing a directory for as long as it runs: for its secret and its keys."""
    if config.data_dir != IN_MEMORY:
        yield config
        return
    with TemporaryDirectory(prefix="finalex-") as directory:
        yield replace(config, data_dir=Path(directory), keeps_nothing=True)


def build_authentication(config: Config, metrics: Metrics) -> Authentication:
    """Return who the clients are; raises `StartError`."""
    try:
        return Authentication(config, metrics)
    except KeySetError as error:
        raise StartError(str(error)) from None


async def listen(gateway: Gateway, config: Config, metrics: Metrics) -> int:
    """Let clients in, and return the port; raises `StartError`."""
    try:
        files = config.tls_files
        return await gateway.start(config.host, config.port, files and Certificate(*files, metrics))
    except CertificateError as error:
        raise StartError(str(error)) from None
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error
        raise StartError(f"cannot listen on {config.host} port {config.port}: {reason}") from None


async def listen_behind(back_door: BackDoor, config: Config) -> int:
    """Open the operator's port, and return it; raises `StartError`."""
    try:
        return await back_door.start(config.admin_host, config.own_admin_port)
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error
        place = f"{config.admin_host} port {config.own_admin_port}"
        raise StartError(f"cannot listen on {place} (admin_host, admin_port): {reason}") from None


def authority(config: Config, port: int) -> str:
    """Return host and port as an address has them; a server on all addresses is reached at this machine's own."""
    host = {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(config.host, config.host)  # noqa: S104
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
