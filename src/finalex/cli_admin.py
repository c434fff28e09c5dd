"""The command line's way to a server that runs."""

import os
from collections.abc import Mapping

from finalex.admin.client import ask
from finalex.admin.errors import NoServerError
from finalex.admin.messages import ReplyT, Request
from finalex.admin.socket_file import SOCKET_FILE_NAME
from finalex.config import load_config


def ask_server(request: Request, expected: type[ReplyT], flags: Mapping[str, str | bool], config: str) -> ReplyT:
    """Return the reply of the server on the configured data directory; raises `AdminError`."""
    path = load_config(flags, os.environ, config or None).data_dir / SOCKET_FILE_NAME
    try:
        return ask(path, request, expected)
    except NoServerError as error:
        raise NoServerError(f"{error} 'finalex serve' starts one; --data-dir names another directory.") from None
