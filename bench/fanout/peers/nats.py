"""nats-server with its WebSocket listener, without compression; ticks come in over plain TCP. Prints both ports."""

import argparse

from bench.fanout.peers.install import NATS, RUNNING
from bench.fanout.peers.listening import become, free_port

CONFIGURATION = """\
host: "127.0.0.1"
port: {client_port}
websocket {{
  host: "127.0.0.1"
  port: {port}
  no_tls: true
  compression: false
}}
max_connections: 100000
max_pending: 256MB
write_deadline: "60s"
ping_interval: "1h"
log_file: "{log}"
"""
"""No client is slow here, so none may be cut off; pings are not what is measured."""


def main() -> None:
    """Become nats-server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    port, client_port = parser.parse_args().port or free_port(), free_port()
    directory = RUNNING / "nats"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nats.conf"
    log = directory / "nats.log"
    configuration.write_text(CONFIGURATION.format(port=port, client_port=client_port, log=log), encoding="utf-8")
    become(NATS.directory / "bin" / "nats-server", ("--config", str(configuration)), (port, client_port))


if __name__ == "__main__":
    main()
