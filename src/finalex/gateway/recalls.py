"""Recalls: what a client missed is looked for in the log, while everything else goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from finalex.channels.resumable import Want
from finalex.gateway.failures import report_failure
from finalex.gateway.outbox import Outbox
from finalex.gateway.switchboard import Recollection, Step, Switchboard
from finalex.protocol.messages import Publication
from finalex.session.effects import Recall
from finalex.session.session import Session

CarryOut = Callable[[str, Step], None]
"""Carries out a step of a session; the text says what kind of step, should it fail."""


class Recalls:
    """The recalls of one connection, each a task.

    It knows nothing of who starts them: that would be a circle, and a connection that is gone would take up memory
    until the garbage collector comes.
    """

    __slots__ = ("_outbox", "_session", "_switchboard", "_tasks")

    def __init__(self, session: Session, outbox: Outbox, switchboard: Switchboard) -> None:
        self._session = session
        self._outbox = outbox
        self._switchboard = switchboard
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, recall: Recall, carry_out: CarryOut) -> None:
        """Begin to look; `carry_out` takes the steps of the session that come of it."""
        self._tasks[recall.key] = asyncio.get_running_loop().create_task(self._run(recall, carry_out))

    def stop(self, key: int) -> None:
        """Look no further, if that recall has not ended."""
        task = self._tasks.pop(key, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def stop_all(self) -> None:
        """The connection is gone."""
        for key in tuple(self._tasks):
            self.stop(key)

    async def _run(self, recall: Recall, carry_out: CarryOut) -> None:
        try:
            await self._look(recall, carry_out)
        except Exception as error:
            report_failure("recall", error, self._switchboard.metrics)
            carry_out("recall", partial(self._session.recall_failed, recall.key))
        finally:
            self._tasks.pop(recall.key, None)

    async def _look(self, recall: Recall, carry_out: CarryOut) -> None:
        session, key = self._session, recall.key
        async with self._switchboard.recaller.recall(recall.wants) as recollection:
            carry_out("recall", partial(session.recalled, key, tuple(recollection.found)))
            async for publications in recollection.pieces():
                if key not in self._tasks:
                    return
                carry_out("recall", partial(session.replayed, key, publications))
                await self._outbox.room()
            carry_out("recall", partial(session.caught_up, key))


class _Nothing:
    """What a log that nobody reads again tells."""

    def __init__(self, wants: Sequence[Want]) -> None:
        self.found = (False,) * len(wants)
        self._pieces: tuple[Sequence[Publication], ...] = ()

    async def pieces(self) -> AsyncIterator[Sequence[Publication]]:
        for publications in self._pieces:
            yield publications


class NoRecaller:
    """Finds nothing: what memory does not hold is not resumed."""

    @asynccontextmanager
    async def recall(self, wants: Sequence[Want]) -> AsyncIterator[Recollection]:
        """See `Recaller.recall`."""
        yield _Nothing(wants)
