"""What the commands have in common that are clients of a server."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import CycloptsError, Parameter

from finalex.settings.declaration import API_KEY_VARIABLE, TOKEN_VARIABLE

TOKEN_FILE_BYTES_MAX = 16_384

T = TypeVar("T")

Url = Annotated[str, Parameter(help="The server's WebSocket address.")]
URL_DEFAULT = "ws://localhost:8081"

TokenText = Annotated[
    str | None,
    Parameter(help="A token; others see it in the list of processes, so prefer FINALEX_TOKEN.", show_default=False),
]
TokenFile = Annotated[Path | None, Parameter(help="A file with a token in it.", show_default=False)]

Credentials = tuple[str | None, str | None]
"""A token and an API key, each if there is one."""


def credentials(token_file: Path | None, token: str | None = None) -> Credentials:
    """Return what a command is to log in with: a token that is given, one in a file, or the environment's."""
    if token is not None and token_file is not None:
        raise CycloptsError(msg="There is a token and a token file: give one of them.")
    if token is not None:
        return _checked(token, "--token"), None
    if token_file is None:
        return _from_environment()
    with token_file.open("rb") as file:
        text = file.read(TOKEN_FILE_BYTES_MAX).decode(errors="replace").strip()
    return _checked(text, f"'{token_file}'"), None


def _from_environment() -> Credentials:
    token, api_key = os.environ.get(TOKEN_VARIABLE) or None, os.environ.get(API_KEY_VARIABLE) or None
    if token and api_key:
        raise CycloptsError(msg="There is a token and an API key: give one of them.")
    return token, api_key


def run_client(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; raises `OSError` with a sentence for what goes wrong between client and server."""
    from finalex.client.errors import ClientError  # what it takes is not loaded for the other commands

    try:
        return asyncio.run(work)
    except ClientError as error:
        raise OSError(sentence(str(error))) from None


def sentence(text: str) -> str:
    """Return `text` with a capital at its beginning and a stop at its end."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?', '!')) else '.'}"


def _checked(text: str, place: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise CycloptsError(msg=f"There is no token in {place}.")
    return text
