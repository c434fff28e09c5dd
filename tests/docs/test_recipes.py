"""Every recipe is run as it stands on the page."""

from pathlib import Path

import pytest

from docs.pages import Section, sections
from docs.running import Folder
from support.server import serving

RECIPES = sections("docs/recipes.md")


def javascript(section: Section) -> bool:
    """Whether a recipe needs the client for JavaScript."""
    return any(block.language == "js" for block in section.blocks)


def test_nothing_on_the_page_is_left_out() -> None:
    assert len(RECIPES) >= 6
    assert {block.language for section in RECIPES for block in section.blocks} == {"sh", "text", "python", "js"}


@pytest.mark.parametrize("recipe", [r for r in RECIPES if not javascript(r)], ids=lambda recipe: recipe.title)
async def test_a_recipe_does_what_it_says(recipe: Section, tmp_path: Path) -> None:
    async with serving(source="simulate", history_hours="0") as server:
        await Folder(tmp_path, server).follow(recipe)


@pytest.mark.parametrize("recipe", [r for r in RECIPES if javascript(r)], ids=lambda recipe: recipe.title)
async def test_a_recipe_in_javascript_does_what_it_says(recipe: Section, tmp_path: Path, package: Path) -> None:
    async with serving(source="simulate", history_hours="0") as server:
        await Folder(tmp_path, server, package).follow(recipe)
