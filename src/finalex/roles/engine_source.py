"""The source of an engine that leads, on a log that another engine may have written until then.

`exchange` goes on as if nothing had happened, and so does `external`, from where external input is consumed.
`simulate`: orders, balances and prices are the log's, and its traders go on with them; what they had in mind is new, as
after a restart. `upstream:` and `paper:`: all books are gone until they have come anew, trades are numbered on, and
orders on paper wait on. `replay:` cannot go on in the middle: a recording is played once, into an empty log.
"""

from nats.aio.client import Client

from finalex.clock import now_ms
from finalex.config import Config
from finalex.metrics import Metrics
from finalex.roles.engine_term import Term
from finalex.roles.external_sourcing import build_external
from finalex.sources.port import Source
from finalex.sourcing import build_source
from finalex.starting import StartError


def check_source(config: Config) -> None:
    """Raise `StartError` if no engine can have this source."""
    if config.source.data_directory is not None:
        raise StartError(
            "A data directory is played by 'finalex serve' alone: its sequences are not those of a cluster."
        )


def build_engine_source(config: Config, term: Term, client: Client, metrics: Metrics) -> Source:
    """Return the source for a term that has begun; raises `StartError`."""
    if config.source.kind == "external":
        return build_external(config, term.engine_state, term.log, client, metrics, now_ms)
    if config.source.kind == "replay" and term.log.time_ms:
        raise StartError(
            f"The log of '{config.cluster_name}' has a market in it already, and a recording cannot go on in the "
            "middle: it is played into an empty log. Choose another 'cluster_name'."
        )
    try:
        return build_source(config, term, metrics, now_ms)
    except ValueError as error:
        raise StartError(str(error)) from None
