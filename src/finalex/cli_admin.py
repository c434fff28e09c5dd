"""The command line's way to a server that runs."""

import os
from collections.abc import Mapping

from finalex.admin.client import ask
from finalex.admin.errors import NoServerError
from finalex.admin.messages import ReplyT, Request
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.cli_bus import bus_of, with_client
from finalex.config import load_config


def ask_server(request: Request, expected: type[ReplyT], flags: Mapping[str, str | bool], config: str) -> ReplyT:
    """Return the reply of the engine that leads on the configured NATS, or of the server on the data directory.

    Raises `AdminError`, and `BusError` if NATS cannot be reached.
    """
    configuration = load_config(flags, os.environ, config or None)
    bus = bus_of(configuration)
    if bus is not None:
        from finalex.cluster.operator_line import ask_leader  # what NATS takes is not loaded for the other commands

        return with_client(bus, lambda client: ask_leader(client, bus.names, request, expected))
    try:
        return ask(configuration.data_dir / SOCKET_FILE_NAME, request, expected)
    except NoServerError as error:
        raise NoServerError(f"{error} 'finalex serve' starts one; --data-dir names another directory.") from None
