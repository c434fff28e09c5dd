"""The command line's way to an exchange of many processes: over its NATS."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import structlog

from finalex.bus.address import BusAddress
from finalex.bus.file import read_bus_file
from finalex.bus.names import Names
from finalex.clock import now_ms
from finalex.config import Config

if TYPE_CHECKING:  # what NATS takes is not loaded for the other commands
    from nats.aio.client import Client

    from finalex.cluster.credentials_bucket import CredentialBucket

T = TypeVar("T")


class Bus(NamedTuple):
    """Where an exchange's NATS is, and what everything is called there."""

    address: BusAddress
    names: Names
    local: bool
    """Whether it was started for the data directory, and runs only while the exchange does."""


def bus_of(config: Config) -> Bus | None:
    """Return the NATS of the exchange that is configured, or runs on the data directory; `None`: one process.

    Raises `BusFileError`.
    """
    if config.nats:
        return Bus(config.bus_address, config.bus_names, local=False)
    found = read_bus_file(config.data_dir)
    return None if found is None else Bus(*found, local=True)


def with_client(bus: Bus, action: "Callable[[Client], Awaitable[T]]") -> T:
    """Return what `action` returns, to which it gets a connection; raises `BusError` if there is none."""
    try:
        from finalex.bus.connection import BusError, connect
    except ImportError:
        raise OSError("An exchange of many processes needs NATS: pip install 'finalex[cluster]'.") from None

    async def run() -> T:
        client = await connect(bus.address, "finalex command")
        try:
            return await action(client)
        finally:
            await client.close()

    try:
        with _without_log():
            return asyncio.run(run())
    except BusError as error:
        hint = " Start 'finalex serve --workers' on this data directory first." if bus.local else ""
        raise BusError(f"{error}{hint}") from None


def with_bucket(config: Config, bus: Bus, action: "Callable[[CredentialBucket], Awaitable[T]]") -> T:
    """The same with the exchange's credentials, which are made if there are none."""

    async def act(client: "Client") -> T:
        from finalex.cluster.credentials_bucket import CredentialBucket

        bucket = CredentialBucket(client, bus.names, now_ms)
        await bucket.prepare(1 if bus.local else config.nats_replicas)
        return await action(bucket)

    return with_client(bus, act)


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep the log's lines, which say what the error will say, off the terminal."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
