import pytest

from finalex.recorder.address import parse_address


@pytest.mark.parametrize(
    "url",
    ["ws://localhost:8081", "wss://ws.finalex.io", "ws://127.0.0.1:1/ws", "ws://[::1]:8081/", "wss://example.com/?a=b"],
)
def test_an_address_without_credentials_stays_as_it_is(url: str) -> None:
    assert parse_address(url).url == url


def test_credentials_go_into_the_query_and_are_never_shown() -> None:
    token = parse_address("ws://localhost:8081/ws?x=1", token="e+y/a.b")
    key = parse_address("wss://ws.finalex.io", api_key="pk_live_1")
    assert token.url == "ws://localhost:8081/ws?x=1&token=e%2By/a.b"
    assert key.url == "wss://ws.finalex.io?api_key=pk_live_1"
    assert (token.shown, key.shown) == ("ws://localhost:8081/ws", "wss://ws.finalex.io")
    assert "e%2By" not in repr(token) + str(token)


def test_there_is_at_most_one_credential() -> None:
    with pytest.raises(ValueError, match="a token and an API key"):
        parse_address("ws://localhost", "token", "key")


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:8081", "http://localhost", "ws://", "ws://host:0", "ws://host:99999", "ws://host:port"),
        *("ws://a b", "ws://[::1", "ws://user:secret@host", "ws://host/#part", "ws://host/\n"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^The address must be of the form ws://HOST:PORT or wss://HOST.$"):
        parse_address(url)
