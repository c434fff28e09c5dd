"""The operator's own port: pages that are no client's business."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import NoReturn

from finalex.gateway.door import Door
from finalex.gateway.handshake import Handshake
from finalex.gateway.http_messages import HttpError
from finalex.gateway.pages import OperatorPages
from finalex.gateway.reception import Reception
from finalex.gateway.settings import GatewaySettings
from finalex.metrics import Metrics

VISITORS_MAX = 64
"""How many requests may be on their way at once."""


class BackDoor:
    """Serves `/metrics`, `/health` and `/ready` over plain HTTP, and no WebSocket, on a port of its own."""

    def __init__(self, metrics: Metrics, is_ready: Callable[[], bool]) -> None:
        self._settings = GatewaySettings(handshakes_max=VISITORS_MAX)
        self._reception = Reception(self._settings, metrics, OperatorPages(metrics, is_ready), _refuse)
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port; 0 takes any free one. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Door(self._reception, self._settings), host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def stop(self) -> None:
        """Take no more requests, and drop those on their way."""
        if self._server is not None:
            self._server.close()
        self._reception.abort_all()


def _refuse(_handshake: Handshake, _address: str) -> NoReturn:
    raise HttpError(HTTPStatus.NOT_FOUND, "There is no WebSocket here: connect to the server's other port.")
