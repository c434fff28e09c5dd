"""The command line's reference of the protocol: `finalex reference`."""

import os
import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from finalex.cli_keys import ConfigFile
from finalex.config import load_config

_EXAMPLES = """\
Examples:
  finalex reference > reference.md
  finalex reference --format asyncapi > asyncapi.json
  finalex reference --format jsonschema > finalex.schema.json

A server serves it at /docs, and the AsyncAPI document at /asyncapi.json.
"""

reference = App(name="reference", help="Document the client protocol.", help_epilogue=_EXAMPLES)


@reference.default
def _reference(
    *,
    format_: Annotated[
        Literal["markdown", "html", "asyncapi", "jsonschema"],
        Parameter(name="--format", help="What it is written in."),
    ] = "markdown",
    config: ConfigFile = "",
) -> int:
    """Document the client protocol: every channel, request, message, code and limit."""
    from finalex.reference.documents import FORMATS  # what it takes is not loaded for the other commands

    sys.stdout.write(FORMATS[format_](load_config({}, os.environ, config or None)))
    return 0
