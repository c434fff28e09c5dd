"""The files for an exchange on several machines: NATS and systemd take them, and what they name exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.promql import balanced
from finalex.bus.server import PAYLOAD_BYTES_MAX, find_server
from finalex.cli import EXIT_USAGE
from finalex.config import SETTINGS, load_config
from finalex.profile import unsafe_settings
from finalex.stopping import STOP_GRACE_S
from support.nats_servers import skip_without_nats

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "cluster"
NATS = (DEPLOY / "nats-server.conf").read_text(encoding="utf-8")
COMPOSE = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
CADDY = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
PASSWORDS = {f"{role}_PASSWORD": "secret" for role in ("ENGINE", "GATEWAY", "OPERATOR")}
UNITS = ["finalex-engine.service", "finalex-gateway@.service", "nats-server.service"]
EXPOSURE_MAX = 2.0
"""Of 10, as `systemd-analyze security` counts."""


def unit(name: str) -> dict[str, list[str]]:
    """Return what a unit says, by name."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def environment(name: str) -> dict[str, str]:
    """Return the variables that a unit sets."""
    return dict(pair.split("=", 1) for pair in unit(name)["Environment"][0].split())


def analyze(directory: Path, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Let systemd look at a unit, with the programs of this environment."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed here: the units were not verified")
    file = directory / name.replace("@.", "@1.")
    text = (DEPLOY / name).read_text(encoding="utf-8")
    file.write_text(text.replace("/opt/finalex/bin", str(Path(sys.executable).parent)), encoding="utf-8")
    command = ["systemd-analyze", *arguments, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# --- NATS -----------------------------------------------------------------------------------------------


def test_nats_takes_its_configuration() -> None:
    skip_without_nats()
    command = [find_server(), "-t", "-c", str(DEPLOY / "nats-server.conf")]
    given = PASSWORDS | {"NATS_NAME": "nats-1", "PATH": os.environ["PATH"]}
    result = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, "is valid" in result.stderr) == (0, True), result.stderr


def test_with_tls_it_is_one_as_well(tmp_path: Path) -> None:
    """What is commented out is meant to be used."""
    skip_without_nats()
    file = tmp_path / "nats.conf"
    file.write_text(re.sub(r"^( *)# (tls \{|  .*|\})$", r"\1\2", NATS, flags=re.MULTILINE), encoding="utf-8")
    assert file.read_text(encoding="utf-8").count("\ntls {") == 1
    assert file.read_text(encoding="utf-8").count("\n  tls {") == 1
    given = PASSWORDS | {"NATS_NAME": "nats-1", "PATH": os.environ["PATH"]}
    command = [find_server(), "-t", "-c", str(file)]
    result = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=60)
    assert "/etc/finalex/nats.pem" in result.stderr
    assert "no such file" in result.stderr


def test_nothing_counts_before_it_is_on_disk() -> None:
    assert re.search(r"^jetstream \{\n(?:.*\n)*?  sync_interval: always\n\}", NATS, re.MULTILINE)


def test_a_message_may_be_as_large_as_on_our_own_server() -> None:
    assert f"max_payload: {PAYLOAD_BYTES_MAX >> 20}MB\n" in NATS


def test_users_may_do_what_the_page_on_security_says() -> None:
    page = (ROOT / "docs" / "cluster-security.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```\n(authorization .*?)```", page, re.DOTALL)
    assert NATS.endswith(block)


# --- systemd --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    result = analyze(tmp_path, name, "verify", "--man=no")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_it_well_locked_up(name: str, tmp_path: Path) -> None:
    result = analyze(tmp_path, name, "security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", UNITS[:2])
def test_a_unit_runs_its_role_with_settings_that_there_are(name: str) -> None:
    program, role, *arguments = unit(name)["ExecStart"][0].split()
    assert (program, role) == ("/opt/finalex/bin/finalex", name.removeprefix("finalex-").split(".")[0].strip("@"))
    flags = {setting.flag for setting in SETTINGS.values()} | {"--config"}
    assert {argument for argument in arguments if argument.startswith("--")} <= flags
    assert environment(name).keys() <= {setting.environment for setting in SETTINGS.values()}


@pytest.mark.parametrize("name", UNITS[:2])
def test_data_are_where_systemd_lets_a_node_write(name: str) -> None:
    said = unit(name)
    assert environment(name)["FINALEX_DATA_DIR"] == f"/var/lib/{said['StateDirectory'][0]}"
    assert (said["DynamicUser"], said["ProtectSystem"], said["StateDirectoryMode"]) == (["yes"], ["strict"], ["0700"])
    assert said["RestartPreventExitStatus"] == [str(EXIT_USAGE)]
    assert int(said["TimeoutStopSec"][0]) >= 10 * STOP_GRACE_S


def test_gateways_of_a_machine_can_share_their_port() -> None:
    """The system lets only one user do that, and they must differ in all else."""
    said = unit("finalex-gateway@.service")
    assert said["User"] == ["finalex"]
    assert "--reuse-port --admin-port 908%i" in said["ExecStart"][0]
    assert all(
        "%i" in environment("finalex-gateway@.service")[name] for name in ("FINALEX_DATA_DIR", "FINALEX_NODE_NAME")
    )


def test_the_nats_server_stores_where_it_may() -> None:
    said = unit("nats-server.service")
    assert f'store_dir: "/var/lib/{said["StateDirectory"][0]}"' in NATS
    assert said["ExecStart"] == ["/opt/finalex/bin/nats-server -c /etc/finalex/nats-server.conf"]
    assert environment("nats-server.service").keys() == {"NATS_NAME"}


def test_the_settings_that_are_shipped_are_ones() -> None:
    config = load_config({}, {"HOME": "/house"}, str(DEPLOY / "finalex.toml"))
    assert (config.profile, unsafe_settings(config)) == ("production", ())
    assert len(config.nats) == 3
    assert all(server.startswith("tls://") for server in config.nats)


# --- containers -----------------------------------------------------------------------------------------


def test_the_settings_of_containers_are_ones() -> None:
    given = dict(re.findall(r"^ +(FINALEX_\w+): \"?([^\"\n$]+)\"?$", COMPOSE, re.MULTILINE))
    assert {f"FINALEX_{name}" for name in ("NATS", "NATS_USER", "SOURCE", "PROFILE")} <= given.keys()
    config = load_config({}, {"HOME": "/house", **given})
    assert (config.profile, unsafe_settings(config)) == ("production", ())


def test_every_service_is_reached_under_the_name_it_has() -> None:
    services = set(re.findall(r"^  ([a-z]+-\d|balancer):$", COMPOSE, re.MULTILINE))
    assert services == {*(f"nats-{n}" for n in (1, 2, 3)), "engine-1", "engine-2", "gateway-1", "gateway-2", "balancer"}
    named = re.findall(r"nats://(nats-\d):4222", COMPOSE) + re.findall(r"nats-route://(nats-\d):6222", NATS)
    assert set(named) == {"nats-1", "nats-2", "nats-3"}
    assert set(re.findall(r"(gateway-\d):8081", CADDY)) == {"gateway-1", "gateway-2"}
    balancers = re.findall(r"ipv4_address: (\S+)", COMPOSE)
    assert re.findall(r"FINALEX_TRUSTED_PROXIES: (\S+)", COMPOSE) == balancers


def test_files_that_are_mounted_are_there_and_volumes_are_declared() -> None:
    mounts = [mount for listed in re.findall(r"volumes: (\[.+\])", COMPOSE) for mount in json.loads(listed)]
    files = {mount.split(":")[0] for mount in mounts if mount.startswith("./")}
    assert files == {"./nats-server.conf", "./Caddyfile"}
    assert all((DEPLOY / file).is_file() for file in files)
    volumes = {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}
    assert set(re.findall(r"^  ([a-z0-9-]+):$", COMPOSE.split("\nvolumes:\n")[1], re.MULTILINE)) == volumes


def test_secrets_are_asked_for_and_not_shipped() -> None:
    example = dict(
        line.split("=", 1)
        for line in (DEPLOY / "secrets.env.example").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    )
    assert set(example.values()) == {""}
    assert set(re.findall(r"\$\{(\w+):\?", COMPOSE)) | PASSWORDS.keys() | {"FINALEX_JWT_SECRET"} == example.keys()


def test_the_image_has_what_the_services_run() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert '.whl)[cluster]"' in dockerfile
    assert 'ENTRYPOINT ["finalex"]' in dockerfile
    assert set(re.findall(r'command: \["(\w+)"\]', COMPOSE)) == {"engine", "gateway"}


# --- the balancer ---------------------------------------------------------------------------------------


def test_caddy_takes_its_file() -> None:
    caddy = shutil.which("caddy")
    if caddy is None:
        pytest.skip("Caddy is not installed here: its configuration was not tried")
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


def test_it_differs_from_that_of_one_server_only_in_who_is_behind_it() -> None:
    assert balanced(re.sub(r"#.*", "", CADDY))
    of_one = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    said = {line.strip() for line in CADDY.splitlines() if not line.strip().startswith("#")}
    missing = {line.strip() for line in of_one.splitlines() if not line.strip().startswith("#")} - said
    assert missing == {"reverse_proxy 127.0.0.1:8081 {"}
    assert "health_uri /ready" in said
