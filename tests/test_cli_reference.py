"""The command that prints the reference."""

import json
from pathlib import Path

import pytest

from finalex.cli_reference import reference
from finalex.config import load_config
from finalex.reference.documents import FORMATS


def run(*arguments: str) -> object:
    return reference(arguments, exit_on_error=False, print_error=False, result_action="return_value")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--format", name) == 0
    assert capsys.readouterr().out == FORMATS[name](load_config({}, {}))


def test_people_read_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    assert "# API reference\n" in capsys.readouterr().out


def test_the_limits_are_those_of_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "finalex.toml"
    file.write_text("open_orders_max = 7\n")

    run("--format", "asyncapi", "--config", str(file))

    limits = {limit["name"]: limit["value"] for limit in json.loads(capsys.readouterr().out)["x-limits"]}
    assert limits["open_orders_max"] == 7
