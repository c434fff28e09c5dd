"""Which requests become connections, and what the others are told."""

import pytest

from finalex.gateway.handshake import PARAMETERS_MAX, check_handshake
from finalex.gateway.http_messages import HttpError, parse_request
from finalex.session.auth import Credentials
from support.conversation import START_MS, token
from support.served import serve
from support.sockets import RawSocket, RefusedError, ask, client_frame, handshake


def presented(path: str = "/", *headers: str) -> Credentials:
    """Return the credentials that a handshake presents."""
    request = parse_request(handshake(path, *headers).removesuffix(b"\r\n\r\n"))
    return check_handshake(request, ()).credentials


@pytest.mark.parametrize("path", ["/", "/ws", "/?unknown=1"])
async def test_both_paths_open_a_connection(path: str) -> None:
    async with serve() as served, await served.connect(path) as client:
        message = await client.message()
        assert message["type"] == "connection_status"
        assert message["data"]["rate_limits"]["connections_remaining"] == 9


@pytest.mark.parametrize("connection", ["keep-alive, Upgrade", "upgrade", "Upgrade,keep-alive"])
async def test_the_connection_header_may_be_a_list_as_firefox_sends_it(connection: str) -> None:
    async with serve() as served, await served.connect(connection=connection) as client:
        assert (await client.message())["data"]["status"] == "connected"


async def test_frames_may_come_in_one_piece_with_the_request() -> None:
    first = client_frame(0x1, b'{"id": 1, "method": "ping"}') * 50
    async with serve() as served, await served.connect(first=first) as client:
        assert (await client.message())["type"] == "connection_status"
        assert [(await client.message())["type"] for _ in range(50)] == ["pong"] * 50


async def test_a_request_may_come_byte_by_byte() -> None:
    async with serve() as served, await RawSocket.connect(served.port) as connection:
        for byte in handshake():
            connection.send(bytes([byte]))
        assert (await connection.read_head()).startswith(b"HTTP/1.1 101 ")


REFUSED = {
    "no Host": (handshake(host=None), 400),
    "an empty Host": (handshake(host=""), 400),
    "two Hosts": (handshake("/", "Host: elsewhere"), 400),
    "another path": (handshake("/other"), 404),
    "no Connection: Upgrade": (handshake(connection="keep-alive"), 400),
    "no key": (handshake().replace(b"Sec-WebSocket-Key: ", b"X: "), 400),
    "a short key": (handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ="), 400),
    "a key that is no base64": (handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"\xff not base64 **********"), 400),
    "two keys": (handshake("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
    "another version": (handshake().replace(b"Version: 13", b"Version: 8"), 426),
    "another method": (handshake().replace(b"GET", b"PUT"), 405),
    "HTTP/1.0": (handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "HTTP/3": (handshake().replace(b"HTTP/1.1", b"HTTP/3.0"), 505),
    "a body": (handshake("/", "Content-Length: 5") + b"12345", 413),
    "chunks": (handshake("/", "Transfer-Encoding: chunked"), 413),
    "a folded header": (handshake("/", "X-Long: a", " b"), 400),
    "a space before the colon": (handshake("/", "X-Key : a"), 400),
    "a control character": (handshake("/", "X-Key: a\x00b"), 400),
    "a bare line feed": (handshake("/", "X-Key: a\nX-Other: b"), 400),
    "a target without a slash": (handshake("*"), 400),
    "two spaces": (handshake().replace(b"GET ", b"GET  "), 400),
    "too many headers": (handshake("/", *["X-Key: a"] * 100), 431),
    "a long URL": (handshake("/?token=" + "a" * 17_000), 431),
    "too many parameters": (handshake("/?" + "a=1&" * (PARAMETERS_MAX + 1)), 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_bad_handshake_is_refused_in_words(request_bytes: bytes, status: int) -> None:
    async with serve() as served:
        answer = await ask(served.port, request_bytes)
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.body.endswith(b".\n")
        assert b"Error" not in answer.body
        assert served.metrics.http_responses == {str(status): 1}
        async with await served.connect() as client:
            assert (await client.message())["data"]["status"] == "connected"


async def test_the_version_that_is_spoken_is_named() -> None:
    async with serve() as served:
        answer = await ask(served.port, handshake().replace(b"Version: 13", b"Version: 99"))
        assert answer.headers["sec-websocket-version"] == "13"


async def test_a_client_that_asks_for_nothing_is_dropped() -> None:
    async with serve(handshake_timeout_ms=20) as served, await RawSocket.connect(served.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: local")
        assert await connection.read_to_end() == b""


class TestExtensions:
    def answer(self, *headers: str, compression: bool = True) -> str | None:
        """Return the answer to what the headers offer."""
        request = parse_request(handshake("/", *headers).removesuffix(b"\r\n\r\n"))
        accepted = check_handshake(request, (), compression=compression)
        assert accepted.deflate == (accepted.extensions is not None)
        return accepted.extensions

    def test_compression_is_agreed_on_if_it_is_offered(self) -> None:
        offer = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"
        agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        assert self.answer(offer) == agreed
        assert self.answer() is None

    def test_offers_may_stand_in_several_headers(self) -> None:
        headers = [
            "Sec-WebSocket-Extensions: x-other",
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11, permessage-deflate",
        ]
        answer = self.answer(*headers)
        assert answer is not None
        assert answer.endswith("; server_max_window_bits=11")

    def test_what_is_malformed_is_refused(self) -> None:
        with pytest.raises(HttpError) as refused:
            self.answer("Sec-WebSocket-Extensions: permessage-deflate; =")
        assert refused.value.status == 400

    @pytest.mark.parametrize("offer", ["permessage-deflate", "permessage-deflate; ="])
    def test_unless_it_is_allowed_nobody_looks(self, offer: str) -> None:
        assert self.answer(f"Sec-WebSocket-Extensions: {offer}", compression=False) is None


class TestOrigins:
    async def test_any_is_allowed_by_default(self) -> None:
        async with serve() as served, await served.connect("/", "Origin: https://anywhere.example") as client:
            assert (await client.message())["data"]["status"] == "connected"

    async def test_one_on_the_list_is_allowed(self) -> None:
        async with (
            serve(origins=("https://finalex.io",)) as served,
            await served.connect("/", "Origin: https://Finalex.io") as client,
        ):
            assert (await client.message())["data"]["status"] == "connected"

    async def test_a_client_that_is_no_browser_sends_none_and_is_allowed(self) -> None:
        async with serve(origins=("https://finalex.io",)) as served, await served.connect() as client:
            assert (await client.message())["data"]["status"] == "connected"

    @pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "https://finalex.io.example", ""])
    async def test_any_other_is_forbidden(self, origin: str) -> None:
        async with serve(origins=("https://finalex.io",)) as served:
            with pytest.raises(RefusedError) as refused:
                await served.connect("/", f"Origin: {origin}")
            assert refused.value.answer.status == 403


class TestCredentials:
    def test_none_are_none(self) -> None:
        assert presented() == Credentials()

    @pytest.mark.parametrize(
        ("path", "header"),
        [("/?token=a.b", "X-Other: 1"), ("/", "Authorization: Bearer a.b"), ("/", "authorization: bearer  a.b ")],
    )
    def test_a_token_comes_in_the_address_or_a_header(self, path: str, header: str) -> None:
        assert presented(path, header) == Credentials(token="a.b")

    @pytest.mark.parametrize(("path", "header"), [("/?api_key=k", "X-Other: 1"), ("/", "X-API-Key: k")])
    def test_an_api_key_comes_in_the_address_or_a_header(self, path: str, header: str) -> None:
        assert presented(path, header) == Credentials(api_key="k")

    def test_an_empty_one_was_given(self) -> None:
        assert presented("/?token=") == Credentials(token="")

    def test_escapes_in_the_address_are_resolved(self) -> None:
        assert presented("/?api_key=a%2Bb%20c&x=1") == Credentials(api_key="a+b c")

    def test_other_schemes_are_no_credentials_of_ours(self) -> None:
        assert presented("/", "Authorization: Basic YTpi") == Credentials()

    @pytest.mark.parametrize(
        ("path", "headers"),
        [
            ("/?token=a&token=a", []),
            ("/?api_key=a&api_key=b", []),
            ("/?token=a&api_key=b", []),
            ("/?token=a", ["Authorization: Bearer a"]),
            ("/?token=a", ["X-API-Key: b"]),
            ("/", ["Authorization: Bearer a", "Authorization: Bearer a"]),
        ],
    )
    def test_more_than_one_is_reported(self, path: str, headers: list[str]) -> None:
        assert presented(path, *headers).repeated

    def test_none_of_them_shows_in_an_error(self) -> None:
        request = parse_request(handshake("/elsewhere?token=secret").removesuffix(b"\r\n\r\n"))
        with pytest.raises(HttpError) as refused:
            check_handshake(request, ())
        assert "secret" not in refused.value.text

    async def test_a_good_token_logs_in(self) -> None:
        async with serve() as served, await served.connect(f"/?token={token('alice')}") as client:
            assert (await client.message())["data"]["authenticated"] is True
            assert served.accounts == ["alice"]

    @pytest.mark.parametrize("path", ["/?token=nonsense", "/?token=a&token=a", "/?api_key=pk_live_unknown"])
    async def test_bad_ones_are_accepted_told_and_closed(self, path: str) -> None:
        async with serve() as served, await served.connect(path) as client:
            message = await client.message()
            assert message["data"]["code"] == "INVALID_TOKEN"
            assert "nonsense" not in str(message)
            assert await client.close_code() == 3000

    async def test_an_expired_one_is_bad(self) -> None:
        async with serve() as served, await served.connect(f"/?token={token('alice', expires_ms=START_MS)}") as client:
            assert (await client.message())["data"]["code"] == "INVALID_TOKEN"
            assert await client.close_code() == 3000
