"""The command line's schema for engines that are not ours: `finalex cluster external-schema`."""

import json
import sys
from typing import Annotated, Literal

from cyclopts import Parameter


def cluster_external_schema(
    *,
    format_: Annotated[
        Literal["markdown", "jsonschema"], Parameter(name="--format", help="What it is written in.")
    ] = "markdown",
) -> int:
    """Print what an engine of your own publishes, is asked and answers."""
    from finalex.sources.external_reference import json_schema, schema_tables

    sys.stdout.write(schema_tables() if format_ == "markdown" else json.dumps(json_schema(), indent=2) + "\n")
    return 0
