"""The driver: connects, hands the core what comes, does what the core says, and comes back."""

import asyncio
import contextlib
import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping

from finalex.client.core import Core
from finalex.client.effects import (
    Answer,
    Close,
    Deliver,
    Effect,
    End,
    Ready,
    Reconnect,
    Refresh,
    Refuse,
    Send,
    Stop,
)
from finalex.client.errors import ClientError, ConnectionFailedError
from finalex.client.link import Link, Opener
from finalex.client.subscription import Delivery

TICK_S = 0.1
"""How often the core is asked what is due."""

CLOSE_GRACE_S = 2.0
"""How long the server has to answer a close frame."""

Token = str | Callable[[], str | Awaitable[str]]
"""A token, or a function that gets a fresh one; it is called for each connection and before a token expires."""

_logger = logging.getLogger("finalex.client")


def monotonic_ms() -> int:
    """Return milliseconds that only go forward."""
    return time.monotonic_ns() // 1_000_000


class Driver:
    """Runs `core` over connections to `url`; a `Receiver`.

    `reconnects` counts the connections after the first. `failure` is why the client has ended, once it has.
    """

    def __init__(self, core: Core, url: str, opener: Opener, token: Token | None, api_key: str | None) -> None:
        self.core = core
        self.reconnects = 0
        self.failure: Exception | None = None
        self.ready = asyncio.Event()
        self.deliveries: dict[int, Delivery] = {}
        self.replies: dict[int, asyncio.Future[object]] = {}
        self._url = url
        self._open = opener
        self._token = token
        self._api_key = api_key
        self._link: Link | None = None
        self._paused = False
        self._ended = asyncio.Event()
        self._delay_ms = 0
        self._refreshing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Stay connected until the core says to stop, or this is cancelled."""
        ticking = asyncio.create_task(self._tick())
        try:
            while self.failure is None:
                await self._converse()
                if self.failure is None:
                    await asyncio.sleep(self._delay_ms / 1000)
                    self.reconnects += 1
        finally:
            ticking.cancel()
            if self._refreshing is not None:
                self._refreshing.cancel()

    async def close(self) -> None:
        """End the connection in order."""
        if self._link is not None:
            link = self._link
            self.resume()
            link.close()
            try:
                async with asyncio.timeout(CLOSE_GRACE_S):
                    await self._ended.wait()
            except TimeoutError:
                link.abort()

    # --- the connection ---------------------------------------------------------------------------------

    async def _converse(self) -> None:
        """Connect, and wait until the connection has ended."""
        self._ended.clear()
        self._paused = False
        try:
            await self._open(self._url, await self._credentials(), self)
        except Exception as error:
            self._fail(error)
            return
        await self._ended.wait()
        self._link = None

    def _fail(self, error: Exception) -> None:
        """The connection could not be made: the first one must be, and later ones are tried again."""
        if self.reconnects == 0 or (isinstance(error, ConnectionFailedError) and error.final):
            self.carry_out(self.core.stop(error))
            return
        _logger.info("no connection: %s", error if isinstance(error, ClientError) else type(error).__name__)
        self.carry_out(self.core.lost(None, random.random()))  # noqa: S311 (no secret)

    async def _credentials(self) -> Mapping[str, str]:
        if self._api_key is not None:
            return {"X-API-Key": self._api_key}
        token = await self._get_token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    async def _get_token(self) -> str | None:
        if not callable(self._token):
            return self._token
        token = self._token()
        return await token if inspect.isawaitable(token) else token

    # --- what comes -------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """See `Receiver.opened`."""
        self._link = link
        self.carry_out(self.core.connected(monotonic_ms()))

    def received(self, text: bytes) -> None:
        """See `Receiver.received`."""
        self.carry_out(self.core.received(text, monotonic_ms()))

    def ended(self, code: int | None) -> None:
        """See `Receiver.ended`; a first connection that was never greeted must not be tried again."""
        effects = self.core.lost(code, random.random())  # noqa: S311 (no secret)
        if self.reconnects == 0 and not self.ready.is_set():
            said = f"the server ended the connection ({code or 'without a close code'}) before it greeted"
            effects = [*effects, *self.core.stop(ConnectionFailedError(said))]
        self.carry_out(effects)
        self._ended.set()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.carry_out(self.core.tick(monotonic_ms(), reading=not self._paused))

    # --- what is done -----------------------------------------------------------------------------------

    def carry_out(self, effects: list[Effect]) -> None:
        """Do what the core wants, in order."""
        for effect in effects:
            if isinstance(effect, Deliver):  # first, for it is nearly always one
                self._deliver(effect.key, effect.item)
                continue
            match effect:
                case Send(text):
                    if self._link is not None:
                        self._link.send(text)
                case End(key, error):
                    if key in self.deliveries:
                        self.deliveries.pop(key).finish(error)
                case Answer(number, data):
                    self._settle(number, data, None)
                case Refuse(number, error):
                    self._settle(number, None, error)
                case _:
                    self._change(effect)

    def _change(self, effect: Ready | Refresh | Close | Reconnect | Stop) -> None:
        match effect:
            case Ready():
                self.ready.set()
            case Refresh():
                self._refreshing = asyncio.create_task(self._refresh())
            case Close(reason):
                _logger.warning("the connection is given up: %s", reason)
                if self._link is not None:
                    self._link.abort()
            case Reconnect(after_ms):
                self._delay_ms = after_ms
                _logger.info("connecting again in %d ms", after_ms)
            case Stop(error):
                self.failure = error
                self.ready.set()

    def _deliver(self, key: int, item: object) -> None:
        delivery = self.deliveries.get(key)
        if delivery is not None:
            delivery.put(item)
            if delivery.inbox.blocks and not self._paused:
                self.relieve()

    def _settle(self, number: int, data: object, error: Exception | None) -> None:
        reply = self.replies.pop(number, None)
        if reply is not None and not reply.done():
            if error is None:
                reply.set_result(data)
            else:
                reply.set_exception(error)
        if self._paused or not self.replies:
            self.relieve()

    async def _refresh(self) -> None:
        """Get a new token and log in with it; if there is none, the connection ends with the old one."""
        try:
            token = await self._get_token()
        except Exception as error:
            _logger.warning("no new token: %s", type(error).__name__)
        else:
            if token is not None:
                self.carry_out(self.core.authenticate(token))

    # --- room -------------------------------------------------------------------------------------------

    def relieve(self) -> None:
        """Read, unless an inbox that blocks is full.

        As long as a request waits for its reply there is always room: the reply comes behind the messages, and who
        waits for it may be who empties the inbox.
        """
        waits = bool(self.replies) or self.core.subscriptions.unanswered
        full = not waits and any(delivery.inbox.blocks for delivery in self.deliveries.values())
        if full and not self._paused and self._link is not None:
            self._paused = True
            self._link.pause()
        elif not full:
            self.resume()

    def resume(self) -> None:
        """Read on, if reading was paused."""
        if self._paused and self._link is not None:
            self._paused = False
            with contextlib.suppress(RuntimeError):  # the transport may be closing
                self._link.resume()
