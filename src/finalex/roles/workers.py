"""`finalex serve --workers N`: an exchange of several processes on one machine, which this one starts and looks after.

A NATS server of its own, one engine, and N gateways that share a port. Whatever ends is started again. A stop ends the
gateways first, so that nobody trades any more, then the engine, then NATS. Should this process die, all die with it.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import structlog

from finalex.bus.file import remove_bus_file, write_bus_file
from finalex.bus.server import LocalServer
from finalex.config import Config
from finalex.credentials.secret import Secret
from finalex.log.schema import FILE_NAME
from finalex.roles.handover import environment_of, write_markets
from finalex.roles.held_ports import HeldPort
from finalex.roles.supervision import Child, Part, keep_running, until_ready
from finalex.settings.origins import SettingError
from finalex.starting import StartError, authority, data_directory
from finalex.stopping import stop_signal
from finalex.welcome import welcome

NATS_DIRECTORY = "nats"
"""Where the NATS server stores, in the data directory."""
MARKETS_FILE = "workers.toml"
PORT_MAX = 65_535
EXIT_USAGE = 2

_log = structlog.get_logger("finalex.supervisor")


class PartFailedError(StartError):
    """A child has ended before it was ready; what it said is the reason. `code` is its exit code."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} did not start: it ended with exit code {code}.")
        self.code = code


class Workers:
    """All children of an exchange with `config`, whose ports are known; `admin_ports` are the engine's and theirs."""

    def __init__(self, config: Config, admin_ports: list[int]) -> None:
        self._config = config
        self._admin_ports = admin_ports
        self._nats = LocalServer(config.data_dir / NATS_DIRECTORY)
        self._gateways: list[Part] = []
        self._engine: Part | None = None
        self._keeping: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Start everything, each after what it needs; raises `StartError`, `SettingError`, `OSError`."""
        config = self._config
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if config.own_tokens:
            config.signing_secret()  # made here, if it is not there yet
        _warn_of_another_log(config)
        write_markets(config, config.data_dir / MARKETS_FILE)
        await self._nats.start()
        self._keep("NATS server", self._nats)
        write_bus_file(config.data_dir, self._nats.address, config.bus_names)
        self._engine = Part("engine", self._environment("engine", 0))
        await self._begin("engine", self._engine, self._admin_ports[0])
        first, *others = [f"gateway-{number}" for number in range(1, config.workers + 1)]
        await self._add_gateway(first, 1)  # alone, so that what no gateway can do is said once
        await asyncio.gather(*(self._add_gateway(name, number) for number, name in enumerate(others, 2)))

    async def stop(self) -> None:
        """End everything, each before what it needs."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await asyncio.gather(*(gateway.stop() for gateway in self._gateways))
        if self._engine is not None:
            await self._engine.stop()
        await self._nats.stop()
        self._nats.close()
        remove_bus_file(self._config.data_dir)

    async def _add_gateway(self, name: str, number: int) -> None:
        gateway = Part("gateway", self._environment(name, number))
        self._gateways.append(gateway)
        await self._begin(name, gateway, self._admin_ports[number])

    async def _begin(self, name: str, part: Part, admin_port: int) -> None:
        """Start a child and wait until it is ready; raises `PartFailedError` if it ends instead."""
        await part.start()
        ready = asyncio.create_task(until_ready(_reached_at(self._config.admin_host), admin_port))
        ended = asyncio.create_task(part.ended())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise PartFailedError(name, ended.result())
        finally:
            ready.cancel()
            ended.cancel()
        self._keep(name, part)

    def _keep(self, name: str, child: Child) -> None:
        self._keeping.append(asyncio.create_task(keep_running(name, child)))

    def _environment(self, name: str, number: int) -> dict[str, str]:
        address = self._nats.address
        changed = replace(
            self._config,
            workers=0,
            reuse_port=True,
            admin_port=self._admin_ports[number],
            nats=address.servers,
            nats_user=address.user,
            nats_password=Secret(address.password or ""),
            nats_replicas=1,
            node_name=name,
        )
        return environment_of(changed, self._config.data_dir / MARKETS_FILE, os.environ)


@asynccontextmanager
async def _workers(config: Config) -> AsyncIterator[tuple[Workers, Config, list[int]]]:
    """Take the ports and the directory; yield what can be started then, and the configuration with them."""
    async with AsyncExitStack() as stack:
        port = _held(config.host, config.port, shared=True)
        stack.callback(port.close)
        config = replace(config, port=port.number, admin_port=config.own_admin_port)
        admin_ports = [config.own_admin_port + number for number in range(config.workers + 1)]
        if admin_ports[-1] > PORT_MAX:
            raise SettingError(
                f"Setting 'admin_port' needs {len(admin_ports)} ports in a row: there are too few above."
            )
        if not config.own_admin_port:
            held = [_held(config.admin_host, 0) for _ in admin_ports]
            for each in held:
                stack.callback(each.close)
            admin_ports = [each.number for each in held]
        config = stack.enter_context(data_directory(config))
        workers = Workers(config, admin_ports)
        stack.push_async_callback(workers.stop)
        yield workers, config, admin_ports


def _held(host: str, port: int, *, shared: bool = False) -> HeldPort:
    try:
        return HeldPort(host, port, shared=shared)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartError(f"cannot listen on {host} port {port}: {reason}") from None


def _warn_of_another_log(config: Config) -> None:
    """Say so if an exchange of one process was here, whose accounts and orders somebody may miss."""
    if (config.log_dir / FILE_NAME).exists() and not (config.data_dir / NATS_DIRECTORY).exists():
        print(
            f"finalex: '{config.log_dir / FILE_NAME}' is the log of 'finalex serve' without --workers. This exchange "
            "has one of its own, and begins without accounts and orders.",
            file=sys.stderr,
            flush=True,
        )


def _reached_at(host: str) -> str:
    """Return the address at which this machine reaches itself when it listens on `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return host if not address.is_unspecified else "127.0.0.1" if address.version == 4 else "::1"


def run(config: Config) -> int:
    """Serve with several processes until a signal asks to stop; return the exit code of this one."""
    try:
        return asyncio.run(_run(config))
    except StartError as error:
        print(f"finalex: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, PartFailedError) and error.code == EXIT_USAGE else 1


async def _run(config: Config) -> int:
    stopping = stop_signal()
    async with _workers(config) as (workers, config, admin_ports):
        starting = asyncio.create_task(workers.start())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                text = welcome(config, authority(config, config.port), *_operators_lines(config, admin_ports))
                print(text, flush=True)
                await stopping
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        _log.info("stopping")
    return 0


def _operators_lines(config: Config, ports: list[int]) -> list[str]:
    engine, *gateways = (f"http://{authority(replace(config, host=config.admin_host), port)}" for port in ports)
    return [
        f"  Engine     {engine}  (/metrics, /ready)",
        *(f"  Gateway {number:<2} {gateway}" for number, gateway in enumerate(gateways, 1)),
    ]
