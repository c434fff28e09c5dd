"""Log lines."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from finalex.telemetry import configure_logging


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")

    structlog.get_logger().info("listening", port=8081)
    logging.getLogger("library").warning("odd %s", "thing")

    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "listening", "level": "info", "port": 8081}
    assert (second["event"], second["level"]) == ("odd thing", "warning")


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")

    structlog.get_logger().info("listening", port=8081)

    captured = capsys.readouterr()
    assert "listening" in captured.err
    assert "port=8081" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_is_below_the_level_is_not_written(level: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level, "json")
    log = structlog.get_logger()

    for method in (log.debug, log.info, log.warning, log.error):
        method("event")

    assert len(capsys.readouterr().err.splitlines()) == count


def test_a_second_configuration_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    log = structlog.get_logger()
    log.info("one")
    capsys.readouterr()
    configure_logging("info", "json")

    log.info("two")

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["two"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_credentials_are_masked_in_entries_messages_and_tracebacks(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", log_format)

    structlog.get_logger().info("opened /?token=hunter2", api_key="hunter2", peer={"authorization": "hunter2"})
    logging.getLogger("library").warning("GET %s", "/?api_key=hunter2")
    try:
        {"a": 1}["api_key=hunter2"]
    except KeyError:
        structlog.get_logger().exception("failed")
        logging.getLogger("library").exception("failed")

    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count("KeyError: 'api_key=***") == 2


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_input_of_others_forges_no_line_and_reaches_no_terminal(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", log_format)

    structlog.get_logger().info("request", path="/\n2026 [info] forged \x1b[31m \ud800")

    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "forged" in written
    assert "\x1b[31m" not in written


def test_a_reader_that_went_away_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def isatty(self) -> bool:
            return False

    gone = Gone()
    monkeypatch.setattr("sys.stderr", gone)
    configure_logging("info", "text")

    structlog.get_logger().info("unread")

    assert logging.getLogger().handlers[-1].stream is gone  # type: ignore[attr-defined]
