"""The core of the client knows no socket, no clock, no chance and no event loop."""

import ast
from pathlib import Path

import pytest

import finalex.client

FOLDER = Path(finalex.client.__file__).parent
PURE = (
    *("backoff", "core", "effects", "errors", "feeds", "inbox", "kline_feed", "local_book", "messages", "requests"),
    *("resumed_feeds", "subscriptions", "unified_structures"),
)
IMPURE = {"asyncio", "time", "random", "socket", "ssl", "threading", "uuid", "picows", "os", "logging"}
SHELL = {"link", "driver", "life", "watching", "trading", "client", "subscription", "sync", "unified", "testing"}


@pytest.mark.parametrize("name", PURE)
def test_a_module_of_the_core_imports_nothing_impure(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {module.partition(".")[0] for module in imported} & IMPURE == set()
    assert {module.removeprefix("finalex.client.") for module in imported} & SHELL == set()
