"""Whose connection it is, behind proxies and in front of them."""

from ipaddress import ip_network

import pytest

from finalex.gateway.addresses import HOPS_MAX, client_address, is_trusted, limited_as, parse_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7", "10.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", ["10.9.9.9", "10.2.3.4"], "10.9.9.9"),
        ("10.0.0.1", ["198.51.100.7", "unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7", "unknown", "10.2.3.4"], "10.2.3.4"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("fd00::1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("2001:0db8:0::7", [], "2001:db8::7"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("", ["198.51.100.7"], ""),
    ],
)
def test_the_right_most_address_that_no_proxy_has_is_the_client(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


def test_without_trusted_proxies_only_the_peer_counts() -> None:
    assert client_address("10.0.0.1", ["198.51.100.7"], ()) == "10.0.0.1"


def test_only_so_many_hops_are_looked_at() -> None:
    assert client_address("10.0.0.1", ["198.51.100.7", *["10.0.0.2"] * HOPS_MAX], PROXIES) == "10.0.0.2"


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4, 5.6.7.8", "٣.1.1.1"])
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None


def test_who_is_trusted() -> None:
    assert is_trusted("10.1.1.1", PROXIES)
    assert not is_trusted("11.1.1.1", PROXIES)
    assert not is_trusted("", PROXIES)


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_limits_count_a_64_network_of_ipv6_as_one(address: str, limited: str) -> None:
    assert limited_as(address) == limited
