"""Documents as tests see them: sections, the blocks of code in them, and links."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (.+)$")
_FILE_NAME = re.compile(r"^(?:#|//) ([\w.-]+\.\w+)\n")


@dataclass(frozen=True)
class Block:
    """A block of code; `file_name` is what its first line says that it should be saved as."""

    language: str
    text: str

    @property
    def file_name(self) -> str:
        named = _FILE_NAME.match(self.text)
        return named[1] if named else ""


@dataclass(frozen=True)
class Section:
    """What stands below one heading, and its blocks in order."""

    page: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        """A name for reports."""
        return f"{self.page}: {self.title}"


@cache
def sections(page: str) -> tuple[Section, ...]:
    """Return the sections of a page, named by its path in the repository, that have blocks."""
    found: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if heading:
            found.append((heading[1], []))
        else:
            found[-1][1].append(line)
    made = (Section(page, title, blocks("\n".join(lines) + "\n")) for title, lines in found)
    return tuple(section for section in made if section.blocks)


def blocks(text: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a text."""
    return tuple(Block(language, body) for language, body in _FENCE.findall(text))


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of all links and pictures of a page."""
    bare = re.sub(r"`[^`\n]*`", "", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", bare)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what can be linked to in a page, as GitHub names it."""
    seen: dict[str, int] = {}
    found = set(re.findall(r'<a id="([^"]+)">', page.read_text(encoding="utf-8")))
    for line in prose(page).splitlines():
        heading = _HEADING.match(line)
        if heading:
            slug = re.sub(r"[^\w\- ]", "", heading[1].lower()).strip().replace(" ", "-")
            times = seen[slug] = seen.get(slug, -1) + 1
            found.add(f"{slug}-{times}" if times else slug)
    return frozenset(found)
