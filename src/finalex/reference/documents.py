"""The reference in its formats, and what of it a server serves."""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from finalex.config import Config
from finalex.reference.asyncapi import asyncapi_document
from finalex.reference.html import CONTENT_SECURITY_POLICY, html_page
from finalex.reference.markdown import markdown_page
from finalex.reference.outline import reference
from finalex.reference.schemas import json_schema

_NOTHING_ALLOWED: Final = "default-src 'none'; frame-ancestors 'none'"


class Document(NamedTuple):
    """Something to serve: `policy` is the Content-Security-Policy that it takes."""

    body: bytes
    content_type: str
    policy: str


FORMATS: Final[Mapping[str, Callable[[Config], str]]] = {
    "asyncapi": lambda config: _json(asyncapi_document(config)),
    "markdown": lambda config: markdown_page(reference(config)),
    "html": lambda config: html_page(reference(config)),
    "jsonschema": lambda _config: _json(json_schema()),
}
"""The text of the reference of a server with a configuration, by the name of its format."""


def documents(config: Config) -> dict[str, Document]:
    """Return what a server with `config` serves, by path."""
    described = msgspec.json.encode(asyncapi_document(config))
    page = html_page(reference(config)).encode()
    return {
        "/asyncapi.json": Document(described, "application/json", _NOTHING_ALLOWED),
        "/docs": Document(page, "text/html; charset=utf-8", CONTENT_SECURITY_POLICY),
    }


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
