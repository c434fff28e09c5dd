"""The names that one exchange uses on NATS: every stream, bucket and subject, so that several can share a server.

Subjects begin with `finalex.<cluster>.`, streams and buckets with `FINALEX_<cluster>_`.
"""

import msgspec


class Names(msgspec.Struct, frozen=True):
    """The names of the exchange `cluster`, which is a word of letters, digits, `-` and `_`."""

    cluster: str = "main"

    # --- the log ----------------------------------------------------------------------------------------

    @property
    def log_stream(self) -> str:
        """The stream that is the log."""
        return f"FINALEX_{self.cluster}_LOG"

    @property
    def log(self) -> str:
        """Where a writer appends to the log."""
        return self.subject("log")

    @property
    def live(self) -> str:
        """Where the server tells again, to whoever listens, what it has just stored in the log."""
        return self.subject("live")

    @property
    def snapshots(self) -> str:
        """The object store of snapshots."""
        return f"FINALEX_{self.cluster}_SNAPSHOTS"

    # --- commands and answers ---------------------------------------------------------------------------

    def commands(self, writer: str) -> str:
        """Where the engine that appends as `writer` takes commands."""
        return self.subject("commands", writer)

    def replies(self, node: str) -> str:
        """Where a gateway takes answers to its commands."""
        return self.subject("replies", node)

    def operator(self) -> str:
        """Where the leading engine takes what an operator asks."""
        return self.subject("operator")

    # --- what nodes know of each other ------------------------------------------------------------------

    @property
    def presence(self) -> str:
        """Where gateways tell each other who is connected to them."""
        return self.subject("presence")

    @property
    def status(self) -> str:
        """Where everybody is asked how they are."""
        return self.subject("status")

    @property
    def credentials(self) -> str:
        """The bucket of API keys and revocations."""
        return f"FINALEX_{self.cluster}_CREDENTIALS"

    # --- engines of others ------------------------------------------------------------------------------

    @property
    def events_stream(self) -> str:
        """The stream of events that an engine which is not ours publishes."""
        return f"FINALEX_{self.cluster}_EVENTS"

    @property
    def events(self) -> str:
        """Where such an engine publishes them."""
        return self.subject("events")

    @property
    def dead_stream(self) -> str:
        """The stream of those that could not be taken."""
        return f"FINALEX_{self.cluster}_DEAD"

    @property
    def dead(self) -> str:
        """Where those are put."""
        return self.subject("dead")

    @property
    def external_commands(self) -> str:
        """Where such an engine takes commands."""
        return self.subject("external", "commands")

    def subject(self, *parts: str) -> str:
        """Return a subject of this exchange."""
        return ".".join(("finalex", self.cluster, *parts))
