"""TCP ports that a process keeps for its children: bound, so that nobody else gets them, and not listened on."""

import socket


class HeldPort:
    """A port on all addresses of a host; 0 takes any free one. Raises `OSError` if somebody listens there.

    A child can listen on it; with `shared` several can, if all ask for that (SO_REUSEPORT).
    """

    def __init__(self, host: str, port: int, *, shared: bool = False) -> None:
        self._sockets: list[socket.socket] = []
        self.number = port
        try:
            for family, address in _addresses(host):
                if self.number:
                    _bound(family, address, self.number, shared=False).close()  # or a listener that shares would do
                self._sockets.append(_bound(family, address, self.number, shared=shared))
                self.number = self._sockets[0].getsockname()[1]
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        for held in self._sockets:
            held.close()


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list({(family, str(address[0])): None for family, _, _, _, address in found})


def _bound(family: socket.AddressFamily, address: str, port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
