"""The servers that ours is compared with: a program each, which distributes ticks as well as its library can."""

import sys

from bench.fanout.peers import install, versions
from bench.fanout.target import Target


def peer_targets() -> list[Target]:
    """Return the peers that are installed."""
    bare = versions.own("picows", "uvloop")
    targets = [
        _python("picows joined", "picows_joined", f"{bare}: frames joined, one write for each connection and tick"),
        _python("picows send", "picows_send", f"{bare}: one send for each message and connection"),
        _python(
            "websockets broadcast", "websockets_broadcast", f"{versions.own('websockets', 'uvloop')}: its broadcast()"
        ),
    ]
    targets += _aiohttp() + _ws() + _uwebsockets() + _nats() + _nchan()
    return targets


def _python(name: str, module: str, note: str, **environment: str) -> Target:
    command = (sys.executable, "-m", f"bench.fanout.peers.{module}")
    return Target(name, command, environment=environment, note=note)


def _aiohttp() -> list[Target]:
    if not install.AIOHTTP.is_installed:
        return []
    note = f"{versions.aiohttp()}: one send for each message and connection"
    return [_python("aiohttp", "aiohttp_send", note, PYTHONPATH=str(install.AIOHTTP.directory))]


def _ws() -> list[Target]:
    if not install.WS.is_installed:
        return []
    environment = {"NODE_PATH": str(install.WS.directory / "node_modules")}
    programs = (
        ("Node ws", "ws_send.js", "one send for each message and connection"),
        ("Node ws joined", "ws_joined.js", "frames joined, one raw write for each connection and tick"),
    )
    return [
        Target(name, _node(str(install.NODE), program), environment=environment, note=f"{versions.ws()}: {manner}")
        for name, program, manner in programs
    ]


def _uwebsockets() -> list[Target]:
    if not install.UWEBSOCKETS.is_installed or not install.NODE_20.is_installed:
        return []
    environment = {"NODE_PATH": str(install.UWEBSOCKETS.directory / "node_modules")}
    command = _node(str(install.NODE_FOR_UWEBSOCKETS), "uwebsockets.js")
    note = f"{versions.uwebsockets()} (uWebSockets.js, packed for npm by somebody else): publish() to its topics"
    return [Target("uWebSockets", command, environment=environment, note=note)]


def _node(node: str, program: str) -> tuple[str, ...]:
    return (node, str(install.HERE / "node" / program))


def _nats() -> list[Target]:
    if not install.NATS.is_installed:
        return []
    command = (sys.executable, "-m", "bench.fanout.peers.nats")
    note = f"{versions.nats()}: its WebSocket listener"
    return [Target("nats-server", command, protocol="nats", user_space=False, note=note)]


def _nchan() -> list[Target]:
    if not install.has_nchan():
        return []
    command = (sys.executable, "-m", "bench.fanout.peers.nchan")
    note = f"{versions.nchan()}: WebSocket subscribers, one worker"
    return [Target("Nchan", command, protocol="nchan", note=note)]
