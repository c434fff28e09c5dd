"""The reference as Markdown."""

from collections.abc import Iterable
from typing import Final

from finalex.reference.blocks import Block, Code, Heading, Table, Text, Trial
from finalex.reference.outline import snippet

_MADE: Final = "<!-- Made by `finalex reference`: see there to change it. -->"


def markdown_page(blocks: Iterable[Block]) -> str:
    """Return the page."""
    return "\n\n".join((_MADE, *map(_block, blocks))) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text, anchor):
            return f'<a id="{anchor}"></a>\n\n{"#" * level} {text}'
        case Text(text):
            return text
        case Code(language, text):
            return f"```{language}\n{text}\n```"
        case Trial():
            return f"Try it in the console of a browser:\n\n{_block(snippet(block))}"
        case Table(head, rows):
            return "\n".join(_row(cells) for cells in (head, ("---",) * len(head), *rows))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
