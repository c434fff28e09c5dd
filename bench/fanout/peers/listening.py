"""For peers that are programs of somebody else: ports, and the word that they listen, before the program takes over."""

import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

START_TIMEOUT_S = 20.0
POLL_INTERVAL_S = 0.05


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number: int = taken.getsockname()[1]
        return number


def become(program: Path, arguments: Sequence[str], ports: Sequence[int]) -> NoReturn:
    """Turn this process into `program`; a stranger to it says that it is ready when it answers on all `ports`."""
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            _announce(ports)
        os._exit(0)
    os.waitpid(child, 0)
    os.execv(program, (program.name, *arguments))


def _announce(ports: Sequence[int]) -> NoReturn:
    """Wait for somebody to answer on all of them, say so, and end; says nothing if nobody ever does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not all(map(_answers, ports)):
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(POLL_INTERVAL_S)
    print("READY", *ports, flush=True)
    os._exit(0)


def _answers(port: int) -> bool:
    """Return whether anything comes back: that somebody listens is too little, nginx does before it has a worker."""
    try:
        with socket.create_connection(("127.0.0.1", port), START_TIMEOUT_S) as probe:
            probe.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return bool(probe.recv(1))
    except OSError:
        return False
