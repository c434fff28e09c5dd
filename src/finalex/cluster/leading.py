"""An engine that leads."""

from dataclasses import dataclass

from finalex.exchange.state import ExchangeState
from finalex.log.jetstream.log import JetStreamLog
from finalex.sources.port import Source


@dataclass(frozen=True)
class Leading:
    """What an engine that leads decides with, and what it writes as `writer`, since `since_ms` (wall-clock time).

    `engine_state` is the source's: it is ahead of what is durable. Once `log.problem` is `FENCED` all of it is void.
    """

    writer: str
    log: JetStreamLog
    engine_state: ExchangeState
    source: Source
    since_ms: int
