"""The Dockerfile, as far as that can be seen without Docker."""

import re
import tomllib
from pathlib import Path

from finalex.config import SETTINGS, load_config

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
IGNORED = [
    line
    for line in (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
JOINED = TEXT.replace("\\\n", " ")
STAGES = JOINED.split("\nFROM ")[1:]
ENVIRONMENT = dict(re.findall(r"\b(FINALEX_\w+)=(\S+)", STAGES[1]))


def copied() -> list[str]:
    """Return what is copied from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", JOINED, re.MULTILINE)
    return [name for line in lines for name in line.split()]


def test_what_is_copied_exists() -> None:
    assert {"src", "page", "clients/js"} <= set(copied())
    for name in copied():
        assert (ROOT / name).exists(), name


def test_just_that_is_sent_to_docker() -> None:
    assert IGNORED[0] == "*"
    sent = [line[1:] for line in IGNORED if line.startswith("!")]
    assert sorted(sent) == sorted(copied())


def test_nothing_that_was_built_here_is_sent_to_docker() -> None:
    left_out = IGNORED[IGNORED.index("!page") + 1 :]
    assert left_out == ["src/finalex/page/assets", "**/__pycache__", "**/node_modules", "**/dist"]


def test_the_wheel_is_made_as_everybody_makes_it() -> None:
    assert "\nRUN make wheel\n" in STAGES[0]
    assert re.search(r"^wheel: \$\(PAGE\)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert "/dist/*.whl" in STAGES[0].replace(" dist/", " /dist/")


def test_the_wheel_finds_what_its_description_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {project["readme"], *project["license-files"]} <= set(copied())


def test_both_stages_have_the_same_python() -> None:
    assert [stage.split()[0] for stage in STAGES] == ["python:3.11-slim"] * 2


def test_the_server_does_not_run_as_root() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", STAGES[1], re.MULTILINE)
    assert "USER" in STAGES[1].split("ENTRYPOINT")[0]


def test_what_must_last_is_a_volume() -> None:
    assert f"VOLUME {ENVIRONMENT['FINALEX_DATA_DIR']}\n" in STAGES[1]


def test_its_settings_are_ones() -> None:
    config = load_config({}, ENVIRONMENT)
    assert (config.host, config.port, config.log_format) == ("0.0.0.0", 8081, "json")
    assert f"EXPOSE {config.port}\n" in STAGES[1]
    assert {name.removeprefix("FINALEX_").lower() for name in ENVIRONMENT} <= set(SETTINGS)


def test_its_health_is_asked_where_the_server_answers() -> None:
    check = re.findall(r'CMD \["python", "-c", "(.+)"\]', STAGES[1])
    compile(check[0].replace('\\"', '"'), "healthcheck", "exec")
    assert "/ready" in check[0]
    assert 'ENTRYPOINT ["finalex"]\nCMD ["serve"]' in STAGES[1]
