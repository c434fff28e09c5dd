"""The signals that ask a process to stop."""

import asyncio
import signal

STOP_GRACE_S = 5.0
"""How long clients have to go once they were told that the server closes."""


def stop_signal() -> asyncio.Future[None]:
    """Return a future that the first SIGTERM or Ctrl-C resolves; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stopping.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopping
