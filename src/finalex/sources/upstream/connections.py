"""The connections of ccxt, which are lost with a word to every stream that used them.

ccxt tells of a lost connection whoever waits for a message at that moment. A stream whose last message came together
with the end of its connection does not wait, and ccxt would connect again without a word. So it is noted here.

A message that ccxt cannot read leaves its connection open, but deaf: what comes after it is never looked at. Nobody can
tell what was in it, so here it ends the connection; the streams begin anew on the next.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary


class Connections:
    """Listens to `exchange`, an exchange of ccxt: one instance for each."""

    def __init__(self, exchange: Any) -> None:
        self._used: WeakKeyDictionary[asyncio.Task[Any], tuple[str, int]] = WeakKeyDictionary()
        self._lost: Counter[str] = Counter()
        self._exchange = exchange
        for name in ("watch", "watch_multiple"):
            setattr(exchange, name, self._listen(getattr(exchange, name), self._note_use))
        for name in ("on_error", "on_close"):
            setattr(exchange, name, self._listen(getattr(exchange, name), self._note_loss))
        exchange.on_connected = self._listen(exchange.on_connected, _guard)

    def lost(self) -> bool:
        """Whether the connection that the running task waited at last has been lost since it began to wait."""
        task = asyncio.current_task()
        if task is None or task not in self._used:
            return False
        url, losses = self._used[task]
        return self._lost[url] != losses

    def _listen(self, method: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
        def listening(first: Any, *arguments: Any, **named: Any) -> Any:
            note(first)
            return method(first, *arguments, **named)

        return listening

    def _note_use(self, url: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._used[task] = url, self._lost[url]

    def _note_loss(self, client: Any) -> None:
        if self._exchange.clients.get(client.url) is client:  # else it was noted before, and another has its place
            self._lost[client.url] += 1


def _guard(client: Any) -> None:
    """Let a message that cannot be read end the connection."""
    handle = client.handle_message

    def handle_or_end(message: Any) -> None:
        try:
            handle(message)
        except Exception as error:
            client.on_error(error)

    client.handle_message = handle_or_end
