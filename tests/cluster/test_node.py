"""What a process of the cluster is called."""

import os
import re
import socket

import pytest

from finalex.cluster.node import NAME_LENGTH_MAX, node_name


def test_the_configured_name_is_taken_as_it_is() -> None:
    assert node_name("engine_a-1") == "engine_a-1"


def test_without_one_host_and_process_make_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "db1.example.org")
    assert node_name() == f"db1-example-org-{os.getpid()}"


@pytest.mark.parametrize("host", ["", "...", "h" * 300, "räksmörgås"])
def test_any_host_makes_a_name_that_the_setting_would_take(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    name = node_name()
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII)
    assert len(name) <= NAME_LENGTH_MAX
    assert name.endswith(f"-{os.getpid()}")
