"""Whoever follows "Getting started" from the top gets what it says, section by section."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from docs.pages import ROOT, Section, sections
from docs.running import Folder
from support.server import serving

PAGE = "docs/getting-started.md"
RUN = [section for section in sections(PAGE) if any(block.language == "sh" for block in section.blocks)]

BY_HAND = {"git", "cd", "source", "make", "npm", "npx", "websockets"}
"""Commands of its `console` blocks: they need a network or a person, and what they name is checked."""


def javascript(section: Section) -> bool:
    """Whether a section needs the client for JavaScript."""
    return any(block.language == "js" for block in section.blocks)


@pytest.mark.parametrize("section", [each for each in RUN if not javascript(each)], ids=lambda section: section.title)
async def test_a_section_does_what_it_says(section: Section, tmp_path: Path) -> None:
    async with serving(source="simulate", history_hours="0") as server:
        await Folder(tmp_path, server).follow(section)


@pytest.mark.parametrize("section", [each for each in RUN if javascript(each)], ids=lambda section: section.title)
async def test_a_section_in_javascript_does_what_it_says(section: Section, tmp_path: Path, package: Path) -> None:
    async with serving(source="simulate", history_hours="0") as server:
        await Folder(tmp_path, server, package).follow(section)


async def test_every_line_to_type_is_answered() -> None:
    (block,) = [b for section in sections(PAGE) for b in section.blocks if b.language == "json"]
    async with serving(source="simulate", history_hours="0") as server, server.client() as client:
        for line in block.text.splitlines():
            request: dict[str, Any] = json.loads(line)
            reply = await client.request(request["method"], **request.get("params", {}))
            assert reply["type"] != "error", reply


def test_what_is_done_by_hand_is_there_to_be_done() -> None:
    consoles = [b.text for section in sections(PAGE) for b in section.blocks if b.language == "console"]
    lines = [line.removeprefix("$ ") for text in consoles for line in text.splitlines()]
    commands = [shlex.split(part) for line in lines for part in line.split(" && ")]
    assert {command[0] for command in commands} == BY_HAND
    scripts = json.loads((ROOT / "clients" / "js" / "package.json").read_text(encoding="utf-8"))["scripts"]
    for command in commands:
        match command:
            case ["make", target]:
                dry = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False)
                assert dry.returncode == 0, dry.stderr
            case ["npm", "run", script]:
                assert script in scripts
            case ["npm", "install", folder]:
                assert (ROOT / folder / "package.json").is_file()


def test_the_javascript_client_is_named_as_it_is_imported() -> None:
    name = json.loads((ROOT / "clients" / "js" / "package.json").read_text(encoding="utf-8"))["name"]
    code = "".join(b.text for section in sections(PAGE) for b in section.blocks if b.language == "js")
    assert re.findall(r'from "([^"]+)"', code) == [name]
