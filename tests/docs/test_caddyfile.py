"""The Caddyfile: Caddy takes it where it is installed; and it passes on what the server needs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.promql import balanced

FILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
TEXT = FILE.read_text(encoding="utf-8")


def test_caddy_takes_it() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("Caddy is not installed here: its configuration was not tried")
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


def test_its_blocks_are_closed_and_indented_as_caddy_formats_them() -> None:
    assert balanced(re.sub(r"#.*", "", TEXT))
    depth = 0
    for line in TEXT.splitlines():
        depth -= line.strip() == "}"
        if line.strip():
            assert len(line) - len(line.lstrip("\t")) == depth, line
        depth += line.endswith("{")
    assert depth == 0


def test_it_says_who_the_client_is_and_keeps_metrics_to_itself() -> None:
    assert "header_up X-Forwarded-For {remote_host}" in TEXT
    assert "respond /metrics 404" in TEXT


def test_credentials_stay_out_of_its_log() -> None:
    assert {"replace token REDACTED", "replace api_key REDACTED", "request>headers>X-Api-Key delete"} <= {
        line.strip() for line in TEXT.splitlines()
    }
