"""Where the protocol is spoken, as the specification names the places."""

from typing import Final, NamedTuple

WELL_KNOWN_PORT: Final = 8081


class Place(NamedTuple):
    """A server; `host` has the port of this one as `{port}`."""

    name: str
    protocol: str
    host: str
    meaning: str

    def url(self, port: int) -> str:
        """Return its address."""
        return f"{self.protocol}://{self.host.format(port=port)}"


SERVERS: Final = (
    Place("development", "ws", "localhost:{port}", "A server on this machine, as `finalex serve` runs it."),
    Place("production", "wss", "ws.finalex.io", "Production."),
    Place("staging", "wss", "staging-ws.finalex.io", "Staging."),
)
