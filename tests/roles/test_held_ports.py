"""Ports that are kept for children: nobody else gets them, and children can listen on them."""

import socket

import pytest

from finalex.roles.held_ports import HeldPort

HOST = "127.0.0.1"


def listening(port: int, *, reuse_port: bool) -> socket.socket:
    return socket.create_server((HOST, port), reuse_port=reuse_port)


def test_several_can_listen_on_a_shared_port_and_clients_reach_only_them() -> None:
    held = HeldPort(HOST, 0, shared=True)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, held.number))

    with listening(held.number, reuse_port=True) as first, listening(held.number, reuse_port=True) as second:
        assert first.getsockname() == second.getsockname()
        socket.create_connection((HOST, held.number)).close()
    held.close()


def test_one_can_listen_on_a_port_that_is_not_shared() -> None:
    held = HeldPort(HOST, 0)
    with listening(held.number, reuse_port=False), pytest.raises(OSError, match="in use"):
        listening(held.number, reuse_port=False)
    held.close()


@pytest.mark.parametrize("reuse_port", [False, True])
def test_a_port_on_which_somebody_listens_cannot_be_held_even_if_he_shares(reuse_port: bool) -> None:
    with listening(0, reuse_port=reuse_port) as other, pytest.raises(OSError, match="in use"):
        HeldPort(HOST, other.getsockname()[1], shared=True)


def test_it_is_the_same_port_on_all_addresses_of_a_host() -> None:
    held = HeldPort("localhost", 0, shared=True)
    addresses = {str(each[4][0]) for each in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.create_server((address, held.number), family=family, reuse_port=True) as server:
            assert server.getsockname()[1] == held.number
    held.close()
