"""The reference as one HTML page, which asks for nothing else but what its reader tries on it."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from finalex import __version__
from finalex.reference.blocks import Block, Code, Heading, Table, Text, Trial


def _file(name: str) -> str:
    return files("finalex.reference").joinpath(name).read_text(encoding="utf-8")


_PAGE: Final = Template(_file("page.html"))
_STYLE: Final = _file("page.css")
_SCRIPT: Final = _file("page.js")

_CONTENTS_LEVEL: Final = 3
"""The lowest level of headings in the contents."""


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: its own style and script, and a connection to where it came from."""


def html_page(blocks: Sequence[Block]) -> str:
    """Return the page."""
    headings = [block for block in blocks if isinstance(block, Heading)]
    return _PAGE.substitute(
        style=_STYLE,
        script=_SCRIPT,
        contents=_contents(headings),
        body="\n".join(_block(block) for block in blocks),
        version=__version__,
    )


def _contents(headings: Iterable[Heading]) -> str:
    """Return the list of the chapters, each with the list of its parts."""
    chapters: list[tuple[Heading, list[Heading]]] = []
    for heading in headings:
        if heading.level == _CONTENTS_LEVEL - 1:
            chapters.append((heading, []))
        elif heading.level == _CONTENTS_LEVEL:
            chapters[-1][1].append(heading)
    return _list(_entry(chapter, ' class="chapter"') + _list(map(_entry, parts)) for chapter, parts in chapters)


def _entry(heading: Heading, attribute: str = "") -> str:
    return f'<a{attribute} href="#{heading.anchor}">{_inline(heading.text)}</a>'


def _list(items: Iterable[str]) -> str:
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{listed}</ul>" if listed else ""


def _block(block: Block) -> str:
    match block:
        case Heading(1, text, anchor):
            return f'<h1 id="{anchor}">{_inline(text)}</h1>'
        case Heading(level, text, anchor):
            return f'<h{level} id="{anchor}"><a href="#{anchor}">{_inline(text)}</a></h{level}>'
        case Text(text):
            return f"<p>{_inline(text)}</p>"
        case Code(_, text):
            return f"<pre><code>{''.join(_coloured(text))}</code></pre>"
        case Table():
            return _table(block)
        case Trial():
            return _trial(block)


def _table(table: Table) -> str:
    names = "".join(f"<th>{_inline(name)}</th>" for name in table.head)
    rows = "".join(_row(table.head, cells) for cells in table.rows)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _row(head: Iterable[str], cells: Iterable[str]) -> str:
    """Return a row; each cell knows its column, whose name a small screen shows beside it."""
    named = zip(head, cells, strict=True)
    joined = "".join(f'<td data-label="{escape(name)}">{_inline(cell)}</td>' for name, cell in named)
    return f"<tr>{joined}</tr>"


_TRIAL: Final = Template("""<div class="trial">
<div class="bar"><strong>Try it</strong><span class="state" role="status">on this server</span>
<button type="button" hidden>Run</button></div>
$credentials<textarea rows="$rows" spellcheck="false" aria-label="A request for $channel">$request</textarea>
<pre class="out" tabindex="0" aria-label="What is sent and received"></pre>
</div>""")

_LOGIN: Final = '<input type="password" autocomplete="off" aria-label="Token" placeholder="a token: finalex token">\n'

_LINE_LENGTH: Final = 90


def _trial(trial: Trial) -> str:
    rows = str(1 + len(trial.request) // _LINE_LENGTH)
    request = escape(trial.request, quote=False)
    return _TRIAL.substitute(
        channel=trial.channel, request=request, rows=rows, credentials=_LOGIN if trial.private else ""
    )


# --- texts ----------------------------------------------------------------------------------------------

_LINK: Final = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_CODE: Final = re.compile(r"`([^`]+)`")
_JSON: Final = re.compile(r'(?P<k>"(?:[^"\\]|\\.)*"(?=:))|(?P<s>"(?:[^"\\]|\\.)*")|(?P<n>-?\d[\d.]*|true|false|null)')


def _inline(text: str) -> str:
    linked = _LINK.sub(r'<a href="\2">\1</a>', escape(text, quote=False))
    return _CODE.sub(r"<code>\1</code>", linked)


def _coloured(text: str) -> Iterator[str]:
    """Yield a JSON text in pieces, keys, texts and other values marked."""
    end = 0
    for token in _JSON.finditer(text):
        yield escape(text[end : token.start()], quote=False)
        yield f'<span class="{token.lastgroup}">{escape(token[0], quote=False)}</span>'
        end = token.end()
    yield escape(text[end:], quote=False)
