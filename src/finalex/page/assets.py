"""The page's files as its build leaves them: one document, and what it loads under names that change with its contents.

The build (`make page`, sources in `page/`) puts them beside this module. A server from a source tree that was never
built has none.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from string import Template
from typing import Final, NamedTuple

import msgspec

Headers = tuple[tuple[str, str], ...]

DOCUMENT: Final = "index.html"

_CHART_STYLE: Final = (
    "a#tv-attr-logo{--fill:#131722;--stroke:#fff;position:absolute;left:10px;bottom:10px;height:19px;width:35px;"
    "margin:0;padding:0;border:0;z-index:3;}a#tv-attr-logo[data-dark]{--fill:#D1D4DC;--stroke:#131722;}"
)
"""What the chart library puts in a style element of its own, to show whose it is."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; "
    f"style-src 'self' 'sha256-{b64encode(sha256(_CHART_STYLE.encode()).digest()).decode()}'; "
    "font-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: its own files, and a connection to where it came from."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}

_UNCHANGING: Final = ("Cache-Control", "public, max-age=31536000, immutable")
_NOTHING_ALLOWED: Final = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
_PAGE_ALLOWED: Final = ("Content-Security-Policy", CONTENT_SECURITY_POLICY)


class Asset(NamedTuple):
    """Something to serve."""

    body: bytes
    content_type: str
    headers: Headers


def page_assets(facts: object, folder: Traversable | None = None) -> dict[str, Asset]:
    """Return the page's files by path; nothing if it was not built.

    The document is made for a server: `facts`, which JSON can hold, are what the page knows of it before it connects.
    Everything else may be cached for ever, except for the licences, whose name does not change.
    """
    folder = folder or files("finalex.page").joinpath("assets")
    if not folder.joinpath(DOCUMENT).is_file():
        return {}
    served = {f"/assets/{file.name}": _asset(file) for file in folder.iterdir() if file.name != DOCUMENT}
    document = Template(folder.joinpath(DOCUMENT).read_text(encoding="utf-8")).substitute(facts=_in_html(facts))
    return {"/": Asset(document.encode(), _TYPES[".html"], (_PAGE_ALLOWED,)), **served}


def _asset(file: Traversable) -> Asset:
    changes = "-" not in file.name
    headers = (_NOTHING_ALLOWED,) if changes else (_NOTHING_ALLOWED, _UNCHANGING)
    return Asset(file.read_bytes(), _TYPES[PurePosixPath(file.name).suffix], headers)


def _in_html(facts: object) -> str:
    """Return JSON that no HTML parser takes for the end of a script element."""
    return msgspec.json.encode(facts).decode().replace("<", "\\u003c")
