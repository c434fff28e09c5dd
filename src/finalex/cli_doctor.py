"""The command line's examination of a server: `finalex doctor`."""

import asyncio
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from finalex.cli_client import URL_DEFAULT, Credentials, TokenFile, TokenText, credentials

if TYPE_CHECKING:
    from finalex.terminal.doctor.examination import Patient

SECONDS_DEFAULT = 8
SECONDS_MAX = 600

_EXAMPLES = """\
Examples:
  finalex doctor
  finalex doctor wss://ws.finalex.io --seconds 30
  finalex doctor --json | jq -r '.checks[] | select(.outcome == "failed") | .name'

It connects as a client, asks for everything, says some things that are wrong,
and listens: are sequences without holes, books never crossed, candles in
order, errors as documented? How long do answers take, how far is the clock
off? With FINALEX_TOKEN or FINALEX_API_KEY the private channels are examined,
too. It places no orders.

The exit code is 0 if nothing is wrong, else 1.
"""

doctor = App(name="doctor", help="Examine a server: protocol, sequences, latency, clock.", help_epilogue=_EXAMPLES)


@doctor.default
def _doctor(
    url: Annotated[str, Parameter(help="The server's WebSocket address.")] = URL_DEFAULT,
    /,
    *,
    symbol: Annotated[str, Parameter(help="The market to listen to.")] = "BTC/USDT",
    seconds: Annotated[
        float, Parameter(help="How long to listen.", validator=Number(gt=0, lte=SECONDS_MAX))
    ] = SECONDS_DEFAULT,
    token_file: TokenFile = None,
    token: TokenText = None,
    json: Annotated[bool, Parameter(help="Print JSON.", negative=(), show_default=False)] = False,
) -> int:
    """Examine a server: protocol, sequences, latency, clock, and a verdict."""
    from finalex.client.link import picows_opener  # what it takes is not loaded for the other commands
    from finalex.clock import now_ns
    from finalex.terminal.address import check_address
    from finalex.terminal.doctor.examination import Patient

    try:
        check_address(url)
    except ValueError as error:
        raise CycloptsError(msg=str(error)) from None
    headers = _headers(credentials(token_file, token))
    return _report(Patient(url, symbol, seconds, headers, picows_opener(), now_ns), json=json)


def _report(patient: "Patient", *, json: bool) -> int:
    from rich.console import Console

    from finalex.terminal.doctor.examination import examine
    from finalex.terminal.doctor.findings import is_healthy
    from finalex.terminal.doctor.report import report, report_json

    notice = f"Listening to {patient.url.partition('?')[0]} for {patient.seconds:g} s"
    with Console(stderr=True).status(notice) if sys.stderr.isatty() else nullcontext():
        findings = asyncio.run(examine(patient))
    shown = patient.url.partition("?")[0]
    if json:
        print(report_json(shown, findings))
    else:
        Console().print(report(shown, findings))
    return 0 if is_healthy(findings) else 1


def _headers(credentials: Credentials) -> dict[str, str]:
    token, api_key = credentials
    return {"Authorization": f"Bearer {token}"} if token else {"X-API-Key": api_key} if api_key else {}
