"""Rules of this house that no tool checks: sizes, names, and imports along the arrows of the architecture."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from support.architecture import (
    ARROWS,
    BESIDE_ARROWS,
    COMPOSITION,
    FORBIDDEN_MODULE_NAMES,
    FORBIDDEN_TEXTS,
    IMPURE_FUNCTIONS,
    IMPURE_METHODS,
    PURE_LIBRARIES,
    PURE_ROOMS,
)

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "finalex"

PICTURES = (".png",)

# --- sizes ----------------------------------------------------------------------------------------------

MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40

LONGER_MODULES: dict[str, int] = {
    "tests/session/test_session.py": 504,
}
"""Modules above the limit with the lines they have: a number may only fall, and a row may only go."""

LONGER_FUNCTIONS: dict[str, int] = {}
"""Functions above the limit, as `path:name`, in the same way."""


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return the files of the repository, those not added yet included."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    files = (ROOT / name for name in sorted(listed.split("\0")) if name)
    return tuple(file for file in files if file.is_file())


def python_files() -> list[Path]:
    return [file for file in tracked_files() if file.suffix == ".py"]


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def source_modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name below `finalex`, packages without `__init__`."""
    files = {file.relative_to(SOURCE).with_suffix(""): file for file in SOURCE.rglob("*.py")}
    return {".".join(part for part in path.parts if part != "__init__"): file for path, file in files.items()}


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield every import of a module as (module, name), the name empty for `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)


def own_imports(tree: ast.Module, modules: dict[str, Path]) -> set[str]:
    """Return the modules of `finalex` that a module imports, by their dotted names below it."""
    found = set()
    for module, name in imports(tree):
        if module == "finalex" or module.startswith("finalex."):
            below = module.removeprefix("finalex").removeprefix(".")
            deeper = f"{below}.{name}".removeprefix(".")
            found.add(deeper if deeper in modules else below)
    return found - {""}


def at_run_time(tree: ast.Module) -> ast.Module:
    """Return a module without what only type checkers read."""
    kept = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    return ast.Module(kept, type_ignores=[])


def allowed(module: str) -> set[str]:
    """Return what `module` may import, as rooms or single modules."""
    room = module.partition(".")[0]
    if room in ARROWS:
        return ARROWS[room] | {room}
    if module in BESIDE_ARROWS:
        return BESIDE_ARROWS[module]
    beside = {name for name in source_modules() if name and "." not in name and name not in ARROWS}
    return (beside - COMPOSITION) | {"model", "settings", "credentials"}


def strays(module: str, imported: set[str]) -> set[str]:
    """Return what of `imported` lies against the arrows."""
    ways = allowed(module)
    return {name for name in imported if not any(name == way or name.startswith(way + ".") for way in ways)}


def function_lengths(file: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{place(file)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def compare(lengths: dict[str, int], limit: int, exceptions: dict[str, int]) -> list[str]:
    """Return what is wrong with `lengths`, and with exceptions that are no longer exact."""
    grown = [
        f"{name} has {length} lines, at most {exceptions.get(name, limit)} are allowed"
        for name, length in lengths.items()
        if length > exceptions.get(name, limit)
    ]
    stale = [
        f"{name} has {lengths.get(name, 0)} lines now: lower its row, or remove it"
        for name, length in exceptions.items()
        if lengths.get(name, 0) < length
    ]
    return grown + stale


def test_no_module_is_too_long() -> None:
    lengths = {place(file): len(file.read_text(encoding="utf-8").splitlines()) for file in python_files()}

    problems = compare(lengths, MODULE_LINES_MAX, LONGER_MODULES)
    assert not problems, "\n".join(problems)


def test_no_function_is_too_long() -> None:
    lengths: dict[str, int] = {}
    for file in python_files():
        for name, length in function_lengths(file):
            lengths[name] = max(length, lengths.get(name, 0))

    problems = compare(lengths, FUNCTION_LINES_MAX, LONGER_FUNCTIONS)
    assert not problems, "\n".join(problems)


def test_exceptions_may_only_shrink() -> None:
    assert compare({"a": 301, "b": 300, "c": 10}, 300, {"b": 310}) == [
        "a has 301 lines, at most 300 are allowed",
        "b has 300 lines now: lower its row, or remove it",
    ]


@pytest.mark.parametrize("module", [name for name in source_modules() if name.partition(".")[0] not in COMPOSITION])
def test_imports_follow_the_arrows(module: str) -> None:
    modules = source_modules()

    assert strays(module, own_imports(parsed(modules[module]), modules)) == set()


def test_an_import_against_the_arrows_is_found() -> None:
    modules = source_modules()
    tree = ast.parse("from finalex.gateway import fanout\nfrom finalex.exchange import outcomes\nimport finalex.config")
    imported = own_imports(tree, modules)

    assert imported == {"gateway.fanout", "exchange.outcomes", "config"}
    assert strays("session.session", imported) == {"gateway.fanout", "config"}
    assert strays("config", imported | {"cli", "model.orders"}) == {"gateway.fanout", "exchange.outcomes", "cli"}


def test_every_room_has_its_arrows() -> None:
    assert {file.parent.name for file in SOURCE.glob("*/__init__.py")} <= {*ARROWS, *COMPOSITION}


def test_no_module_imports_itself_in_a_circle() -> None:
    modules = source_modules()
    graph = {name: own_imports(at_run_time(parsed(file)), modules) - {name} for name, file in modules.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_imports_are_written_in_full() -> None:
    relative = [place(file) for file in python_files() for module, _ in imports(parsed(file)) if module.startswith(".")]

    assert relative == []


def impurities(tree: ast.Module) -> set[str]:
    """Return what a module of a pure room may not import or call."""
    modules = {module.partition(".")[0] for module, _ in imports(tree)}
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    functions = {function.id for function in called if isinstance(function, ast.Name)} & IMPURE_FUNCTIONS
    methods = {function.attr for function in called if isinstance(function, ast.Attribute)} & IMPURE_METHODS
    return (modules - PURE_LIBRARIES - {"finalex"}) | functions | methods


@pytest.mark.parametrize("module", [name for name in source_modules() if name.partition(".")[0] in PURE_ROOMS])
def test_pure_rooms_hold_no_io_no_clock_and_no_chance(module: str) -> None:
    assert impurities(parsed(source_modules()[module])) == set()


def test_an_impure_module_is_found() -> None:
    tree = ast.parse(
        "import asyncio.queues\nfrom uuid import uuid4\nfrom datetime import datetime\ndatetime.now(), uuid4()"
    )

    assert impurities(tree) == {"asyncio", "uuid4", "now"}


def test_modules_are_named_after_what_they_hold() -> None:
    named = [place(file) for file in python_files() if FORBIDDEN_MODULE_NAMES & set(re.split(r"[_.]", file.stem))]

    assert named == []


def test_no_file_has_notes_to_oneself_or_names_a_machine() -> None:
    found = []
    for file in (file for file in tracked_files() if file.suffix not in PICTURES):
        text = file.read_bytes().decode("utf-8", errors="replace")
        found += [f"{place(file)}: {forbidden}" for forbidden in FORBIDDEN_TEXTS if forbidden in text]

    assert found == []
