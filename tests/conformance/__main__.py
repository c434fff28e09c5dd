"""Runs all of Autobahn's cases and writes docs/conformance.md: `python -m conformance`."""

import sys

import uvloop

from conformance.autobahn import COMPRESSION, FRAMING, SMALL_COMPRESSION, in_order, run_cases
from conformance.page import PAGE, render


async def main() -> bool:
    """Return whether no case failed."""
    results = in_order([*await run_cases(FRAMING), *await run_cases(COMPRESSION, compression=True)])
    PAGE.write_text(render(results, len(SMALL_COMPRESSION)))
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"{result.case}: {result.behavior}, closing {result.behavior_close}: {result.text}", file=sys.stderr)
    print(f"{len(results)} cases, {len(failed)} failed; written to {PAGE.name}")
    return not failed


if __name__ == "__main__":
    sys.exit(0 if uvloop.run(main()) else 1)
