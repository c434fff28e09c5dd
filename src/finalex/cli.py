"""The command line: `finalex`. Commands return their exit code: 0, or 1 for a failure; wrong usage is 2."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from finalex import __version__
from finalex.cli_account import account
from finalex.cli_cluster import cluster, cluster_roles, run_one_machine
from finalex.cli_doctor import doctor
from finalex.cli_keys import ConfigFile, keys
from finalex.cli_log import log
from finalex.cli_market import halt, markets, open_market
from finalex.cli_record import record
from finalex.cli_reference import reference
from finalex.cli_status import status
from finalex.cli_tail import tail
from finalex.cli_token import tokens
from finalex.cli_trade import trade
from finalex.cli_watch import watch
from finalex.config import SETTINGS, load_config
from finalex.credentials.grants import GrantError
from finalex.credentials.secret import SecretFileError
from finalex.settings.flags import with_flags
from finalex.settings.markets import written
from finalex.settings.origins import SettingError
from finalex.settings.page import settings_page
from finalex.tables import text_table

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

CLUSTER_LIBRARIES = ("nats", "nkeys")
"""What the extra `finalex[cluster]` installs."""

_EXAMPLES_OF_SERVE = """\
Examples:
  finalex serve
  finalex serve --port 0 --seed 7
  finalex serve --source exchange --demo-balances false
  finalex serve --source replay:monday.gz,tuesday.gz --speed 10 --loop
  finalex serve --config finalex.toml
  finalex serve --workers 4

Every flag is also an environment variable (--port: FINALEX_PORT) and a key of
the file (port = 8081). Flags beat the environment, which beats the file; see
'finalex settings'.
"""

_EXAMPLES_OF_INSTRUMENTS = """\
Examples:
  finalex instruments
  finalex instruments --toml >> finalex.toml
"""

app = App(
    name="finalex",
    help="A real-time exchange behind one WebSocket address.",
    version=f"finalex {__version__}",
    suppress_keyboard_interrupt=False,
    help_format="plaintext",
    help_epilogue="'finalex COMMAND --help' says more; 'finalex serve' is where to start.",
)
app.command(keys)
app.command(tokens)
app.command(account)
app.command(status)
app.command(log)
app.command(record)
app.command(reference)
app.command(halt)
app.command(open_market)
app.command(markets)
app.command(watch)
app.command(tail)
app.command(trade)
app.command(doctor)
app.command(cluster)
for _role, _epilogue in cluster_roles:
    app.command(_role, help_epilogue=_epilogue)


@app.command(help_epilogue=_EXAMPLES_OF_SERVE)
@with_flags(SETTINGS.values())
def serve(*, config: ConfigFile = "", **flags: str | bool) -> int:
    """Run an exchange until Ctrl-C."""
    return run_one_machine(load_config(flags, os.environ, config or None))


@app.command(help_epilogue=_EXAMPLES_OF_INSTRUMENTS)
def instruments(
    *,
    toml: Annotated[
        bool, Parameter(help="Print them as a configuration file has them.", negative=(), show_default=False)
    ] = False,
    config: ConfigFile = "",
) -> int:
    """List what can be traded."""
    tables = [written(instrument) for instrument in load_config({}, os.environ, config or None).instruments.values()]
    if toml:
        print("\n".join(_toml(table) for table in tables), end="")
    else:
        head = [key.upper() for key in tables[0]]
        print(text_table(head, [[str(value) for value in table.values()] for table in tables]))
    return 0


@app.command
def settings() -> int:
    """Document every setting: names, defaults, what is allowed, what it does."""
    print(settings_page(SETTINGS), end="")
    return 0


@app.command
def version() -> int:
    """Print the version."""
    print(f"finalex {__version__}")
    return 0


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        code = run_command(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or leaving would fail on it again
        return EXIT_BROKEN_PIPE
    return code


def run_command(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit code; what is wrong is said in one sentence."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, SettingError, GrantError) as error:
        return _complain(error, EXIT_USAGE)
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in CLUSTER_LIBRARIES:
            raise
        return _complain("This needs the library for NATS: pip install 'finalex[cluster]'.", EXIT_FAILURE)
    except (SecretFileError, OSError) as error:
        return _complain(error, EXIT_FAILURE)
    return result if isinstance(result, int) else 0


def _complain(error: Exception | str, code: int) -> int:
    sentence = " ".join(str(error).split())
    print("finalex:", "".join(c if c.isprintable() else "?" for c in sentence), file=sys.stderr)
    return code


def _toml(table: dict[str, str | int]) -> str:
    lines = (f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in table.items())
    return "\n".join(("[[instruments]]", *lines, ""))
