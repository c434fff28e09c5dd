"""Who is at the other end of a connection, as the system tells it and nobody can pretend."""

import os
import socket
import struct
from typing import Protocol

_CREDENTIALS = struct.Struct("3i")
"""The `ucred` of socket(7): process, user and group."""

ROOT = 0


class PeerSocket(Protocol):
    """A socket, or what an event loop shows of one."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """See `socket.socket.getsockopt`."""
        ...


def peer_user(connection: PeerSocket) -> int:
    """Return the id of the user whose process made a connection over a Unix domain socket; raises `OSError`.

    A system without this option has only the socket's mode to keep others out.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return os.geteuid()
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    user: int = _CREDENTIALS.unpack(credentials)[1]
    return user


def may_operate(user: int) -> bool:
    """Whether a process of `user` may operate this server: its own user, and root."""
    return user in (os.geteuid(), ROOT)
