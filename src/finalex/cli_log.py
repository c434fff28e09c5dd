"""The command line's view of the event log: `finalex log …`."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from finalex.cli_keys import COMMON, ConfigFile
from finalex.config import load_config
from finalex.log.disk import Disk
from finalex.log.opening import is_interrupted
from finalex.log.reading import read_batches
from finalex.log.repair import repair as repair_log
from finalex.log.survey import Survey, log_path
from finalex.log.survey import survey as survey_log
from finalex.model.events import Batch
from finalex.settings.flags import with_flags

_EXAMPLES = """\
Examples:
  finalex log verify
  finalex log dump --after 5000 | head
  finalex log dump | jq -c 'select(.events[].event == "Traded")'
  finalex log repair --yes
"""

log = App(name="log", help="Check, repair and print the log of events.", help_epilogue=_EXAMPLES)


@log.command
@with_flags(COMMON)
def verify(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Read the whole log, check all of it, and say what is there; also while a server runs."""
    found = _survey(_directory(flags, config))
    if found.damage is None:
        print(f"The log is sound: {_contents(found)}.")
    else:
        print(f"{found.damage} Good before that: {_contents(found)}.")
    if found.torn_bytes:
        print(
            f"Its last {found.torn_bytes:,} bytes were never acknowledged: a power cut tore them; the next start cuts."
        )
    if found.in_use:
        print("A server is writing to it; this is what was there.")
    if found.damage is not None:
        print("'finalex log repair' keeps what is good.")
    return 0 if found.damage is None else 1


@log.command
@with_flags(COMMON)
def repair(
    *,
    yes: Annotated[bool, Parameter(help="Do it, and not only say what.", negative=(), show_default=False)] = False,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Keep what comes before the first damage; the damaged files stay beside it. No server may run."""
    directory = _directory(flags, config)
    if not is_interrupted(log_path(directory)):
        found = _survey(directory)
        if found.damage is None:
            print(f"Nothing to repair: {_contents(found)}.")
            return 0
        print(found.damage)
        if not yes:
            print(f"Good before that: {_contents(found)}. What comes after would be given up{_lost(found)}.")
            print("Nothing was changed; 'finalex log repair --yes' does it, and keeps the damaged files.")
            return 1
    aside = repair_log(directory, Disk())
    print(f"Kept: {_contents(_survey(directory))}. The damaged files are '{aside}*'.")
    return 0


@log.command
@with_flags(COMMON)
def dump(
    *,
    after: Annotated[
        int | None,
        Parameter(help="Only batches with a higher sequence; else all.", validator=Number(gte=0), show_default=False),
    ] = None,
    config: ConfigFile = "",
    **flags: str | bool,
) -> int:
    """Print the batches of the log, one JSON object a line; also while a server runs."""
    encoder = msgspec.json.Encoder()
    for batch in read_batches(log_path(_directory(flags, config)), Disk(), after):
        sys.stdout.buffer.write(encoder.encode_lines([_shown(batch)]))
    sys.stdout.buffer.flush()
    return 0


def _directory(flags: dict[str, str | bool], config: str) -> Path:
    return load_config(flags, os.environ, config or None).data_dir


def _survey(directory: Path) -> Survey:
    """Survey the log, with a bar on a terminal."""
    from rich.console import Console  # what it takes is not loaded for the other commands

    from finalex.terminal.progress import progress_bar

    with progress_bar("reading the log", Console(stderr=True)) as show:
        return survey_log(directory, Disk(), show)


def _contents(found: Survey) -> str:
    if found.first is None or found.last is None:
        return "no batches"
    sequences = f"{found.first.sequence:,} to {found.last.sequence:,}"
    times = f"{_date(found.first)} to {_date(found.last)}"
    return f"{found.batches:,} batches, {sequences}, with {found.events:,} events, {times}"


def _lost(found: Survey) -> str:
    last = found.last.sequence if found.last else 0
    return f", up to batch {found.end:,} at least" if found.end > last else ""


def _shown(batch: Batch) -> dict[str, Any]:
    """Return a batch as people and pipes read it: with the names of its events and fields."""
    events = [{"event": type(event).__name__, **msgspec.structs.asdict(event)} for event in batch.events]
    return {"sequence": batch.sequence, "time_ms": batch.time_ms, "events": events}


def _date(batch: Batch) -> str:
    return datetime.fromtimestamp(batch.time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
