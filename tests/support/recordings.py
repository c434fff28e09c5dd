"""Where the recorded market data is: it is read in place and never copied into the project."""

import os
from pathlib import Path

import pytest

DATA_VARIABLE = "FINALEX_TEST_DATA"


def data_folder() -> Path:
    """Return the folder of the recordings: `FINALEX_TEST_DATA`, else `shared/data` beside the checkout."""
    named = os.environ.get(DATA_VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"


def recording(name: str) -> Path:
    """Return the path of one recording, such as `l3/bitstamp_btcusd_2015-05-01.log.bz2`; skips the test without it."""
    path = data_folder() / name
    if not path.is_file():
        pytest.skip(f"the recording '{name}' is not in {data_folder()}; {DATA_VARIABLE} names another folder")
    return path
