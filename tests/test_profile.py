"""The production profile: each unsafe setting is refused with its sentence, and a safe configuration is served."""

import subprocess
import sys
from pathlib import Path

import pytest

from finalex.config import load_config
from finalex.profile import RULES, unsafe_settings

PROGRAM = Path(sys.executable).with_name("finalex")

SAFE = {
    "profile": "production",
    "source": "exchange",
    "demo_balances": "false",
    "trusted_proxies": "10.0.0.7",
    "data_dir": "/var/lib/finalex",
}

UNSAFE = {
    "jwt_secret": {"jwt_secret": "secret" * 6},
    "demo_balances": {"demo_balances": "true"},
    "simulated market": {"source": "simulate", "demo_balances": "false"},
    "in the clear": {"trusted_proxies": ""},
    "believes everybody": {"trusted_proxies": "0.0.0.0/0"},
    "jwt_jwks_insecure": {"jwt_jwks_insecure": "true"},
    "audit_log": {"audit_log": "false"},
    "keeps nothing": {"data_dir": ":memory:"},
    "injects faults": {"chaos": "flaky"},
    "orders_per_second_max": {"orders_per_second_max": "0"},
    "admin_host": {"admin_host": "0.0.0.0"},
    "log_level": {"log_level": "debug"},
}


def problems(**settings: str) -> tuple[str, ...]:
    return unsafe_settings(load_config({**SAFE, **settings}, {"HOME": "/"}))


def test_a_safe_configuration_is_served() -> None:
    assert problems() == ()
    assert problems(trusted_proxies="", tls_certificate_file="a.pem", tls_key_file="a.key") == ()
    assert problems(jwt_secret="qR7zL0vX2mWc9TnYb4KdE8sHf1GjPuAo") == ()


@pytest.mark.parametrize("word", UNSAFE)
def test_each_unsafe_setting_is_one_sentence(word: str) -> None:
    (sentence,) = problems(**UNSAFE[word])
    assert word in sentence
    assert sentence.endswith(".")


def test_every_rule_can_be_broken() -> None:
    broken = {sentence for settings in UNSAFE.values() for sentence in problems(**settings)}
    assert broken == {sentence for _, sentence in RULES}


def test_in_development_everything_goes() -> None:
    assert unsafe_settings(load_config({"jwt_secret": "a" * 40}, {"HOME": "/"})) == ()


@pytest.mark.parametrize(("secret", "safe"), [("a" * 40, False), ("Password1" * 5, False), ("4f" * 20, False)])
def test_a_secret_without_chance_in_it_is_unsafe(secret: str, safe: bool) -> None:
    assert (problems(jwt_secret=secret) == ()) is safe


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "localhost"])
def test_an_admin_address_of_ones_own_network_is_safe(address: str) -> None:
    assert problems(admin_host=address) == ()


def test_the_start_is_refused_with_every_sentence_and_no_secret(tmp_path: Path) -> None:
    secret = "changeme-changeme-changeme-changeme"
    environment = {"HOME": str(tmp_path), "FINALEX_JWT_SECRET": secret}
    command = [str(PROGRAM), "serve", "--profile", "production", "--port", "0", "--data-dir", str(tmp_path / "data")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    lines = result.stderr.splitlines()
    assert result.returncode == 2
    assert len(lines) == 4
    assert all(line.startswith("finalex: production: ") for line in lines)
    assert secret not in result.stdout + result.stderr
    assert not (tmp_path / "data").exists()
