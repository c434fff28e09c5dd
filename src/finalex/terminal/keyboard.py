"""Single keys from a terminal, which is as it was afterwards."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEYS_MAX = 64


@contextmanager
def listening(hear: Callable[[str], object]) -> Iterator[None]:
    """Call `hear` with every key that is pressed; without a terminal to read from, never."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(descriptor)

    def read() -> None:
        pressed = os.read(descriptor, _KEYS_MAX)
        if not pressed:
            loop.remove_reader(descriptor)
        for key in pressed.decode(errors="replace"):
            hear(key)

    tty.setcbreak(descriptor, termios.TCSANOW)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
