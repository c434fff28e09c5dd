"""Recalls without a gateway, a thread or a file: from a list of batches and the state at one of them."""

from collections.abc import Callable, Iterator

import msgspec

from finalex.channels.account import SavedAccount
from finalex.channels.hub import Hub, SavedHub
from finalex.channels.past import Past, is_within
from finalex.channels.rerun import Rerun
from finalex.model.events import Batch
from finalex.model.instruments import Instruments
from finalex.protocol.messages import Publication
from finalex.session.effects import Effect, Recall
from finalex.session.session import Session

PIECE_MESSAGES = 2
"""So few, that there are many pieces."""


class Archive:
    """All batches of a log, and a state of the past from which they are read again: at first the beginning.

    `messages_max` is how many a stream may have to tell. A recall that is `broken` fails after its first piece.
    """

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.messages_max = 100_000
        self.broken = False
        self._saved: SavedHub | None = None

    def keep(self, batch: Batch) -> None:
        """Keep the next batch."""
        self.batches.append(batch)

    def trim(self, hub: Hub) -> None:
        """Forget what came before the state that `hub` has now."""
        self._saved = hub.save()

    def past(self, user: str) -> Past:
        """Return the oldest past."""
        return Past() if self._saved is None else past_of(self._saved, user)

    def recall(
        self, instruments: Instruments, session: Session, effect: Recall, now_ms: Callable[[], int]
    ) -> Iterator[list[Effect]]:
        """Yield what the session wants done, step by step: a step for what is found, for each piece, and the end."""
        user = next((want.stream.user for want in effect.wants if want.stream.private), "")
        past = self.past(user)
        found = [is_within(want, past, self.messages_max) for want in effect.wants]
        yield session.recalled(effect.key, found, now_ms())
        wants = [want for want, is_found in zip(effect.wants, found, strict=True) if is_found]
        if not wants:
            return
        for piece in self._pieces(Rerun(instruments, past, wants), past.sequence):
            yield session.replayed(effect.key, piece, now_ms())
            if self.broken:
                yield session.recall_failed(effect.key, now_ms())
                return
        yield session.caught_up(effect.key, now_ms())

    def _pieces(self, rerun: Rerun, after: int) -> Iterator[list[Publication]]:
        for batch in [batch for batch in self.batches if batch.sequence > after]:
            published = rerun.apply(batch)
            for start in range(0, len(published), PIECE_MESSAGES):
                yield published[start : start + PIECE_MESSAGES]
            if rerun.done:
                break
        yield rerun.finish()


def past_of(saved: SavedHub, user: str) -> Past:
    """Return what a saved hub says of the past."""
    orders = saved.exchange.orders.get(user)
    counts = msgspec.json.decode(saved.channels["account"], type=SavedAccount).counts
    return Past(saved.sequence, saved.exchange.trades, orders.open if orders else [], counts.get(user, 0))
