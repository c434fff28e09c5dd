"""What a process of the cluster is called."""

import os
import re
import socket

NAME_LENGTH_MAX = 64


def node_name(configured: str | None = None) -> str:
    """Return the configured name or, without one, a name made of host and process: a word fit for subjects.

    Two processes must not have the same name at the same time; one that is started again may have its old one.
    """
    if configured is not None:
        return configured
    process = f"-{os.getpid()}"
    host = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname()).strip("-") or "node"
    return host[: NAME_LENGTH_MAX - len(process)] + process
