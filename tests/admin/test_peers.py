"""Who may operate a server."""

import os
import socket

import pytest

from finalex.admin.peers import ROOT, may_operate, peer_user


def test_a_peer_of_the_same_process_is_the_same_user() -> None:
    near, far = socket.socketpair(socket.AF_UNIX)
    with near, far:
        assert peer_user(near) == os.geteuid()


def test_the_servers_own_user_and_root_may_operate_it_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert may_operate(1000)
    assert may_operate(ROOT)
    assert not may_operate(1001)


def test_a_server_of_root_obeys_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: ROOT)
    assert may_operate(ROOT)
    assert not may_operate(1000)
