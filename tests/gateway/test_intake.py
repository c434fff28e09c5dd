"""How much clients may send."""

from typing import Any

from finalex.gateway.intake import (
    FRAME_HEAD_BYTES,
    HEAVY_BYTES,
    MINUTE_MS,
    OF_ADDRESS,
    OF_ALL,
    OF_CONNECTION,
    SETTLED_BYTES,
    Intake,
    Meter,
    TooMuch,
)
from finalex.gateway.settings import GatewaySettings
from support.served import serve
from support.sockets import CONTINUATION, PING, TEXT, client_frame

MESSAGE_BYTES_MAX = 1 << 16
CONNECTION_MAX = 8 * SETTLED_BYTES
ADDRESS_MAX = 12 * SETTLED_BYTES
ALL_MAX = 20 * SETTLED_BYTES


class TestMeters:
    def setup_method(self) -> None:
        self.now_ms = 1_000_000.0
        settings = GatewaySettings(
            message_bytes_max=MESSAGE_BYTES_MAX,
            bytes_per_minute_max=CONNECTION_MAX,
            bytes_per_minute_per_ip_max=ADDRESS_MAX,
            bytes_per_minute_of_all_max=ALL_MAX,
        )
        self.intake = Intake(settings, lambda: self.now_ms)

    def sent(self, address: str, payload_bytes: int = SETTLED_BYTES, meter: Meter | None = None) -> tuple[int, TooMuch]:
        """Send frames until there were too many, and return how many bytes that took, and what was too much."""
        meter = meter or self.intake.meter(address)
        frames = 1
        while (too_much := meter.take(payload_bytes)) is None:
            frames += 1
        return frames * (payload_bytes + FRAME_HEAD_BYTES), too_much

    def test_a_connection_may_send_so_much(self) -> None:
        size, too_much = self.sent("192.0.2.1")
        assert CONNECTION_MAX < size <= CONNECTION_MAX + 2 * SETTLED_BYTES
        assert too_much == OF_CONNECTION

    def test_empty_frames_count_as_well(self) -> None:
        size, too_much = self.sent("192.0.2.1", 0)
        assert CONNECTION_MAX < size <= CONNECTION_MAX + 2 * SETTLED_BYTES
        assert too_much == OF_CONNECTION

    def test_and_after_a_minute_as_much_again(self) -> None:
        meter = self.intake.meter("192.0.2.1")
        first = self.sent("", meter=meter)
        assert meter.take(SETTLED_BYTES) == OF_CONNECTION
        self.now_ms += MINUTE_MS
        assert self.sent("", meter=meter) == first

    def test_connections_of_an_address_count_together(self) -> None:
        assert self.sent("2001:db8::1")[1] == OF_CONNECTION
        size, too_much = self.sent("2001:db8::2")
        assert size <= ADDRESS_MAX - CONNECTION_MAX + 2 * SETTLED_BYTES
        assert too_much == OF_ADDRESS
        assert self.sent("2001:db8:0:1::1")[1] == OF_CONNECTION

    def test_and_all_together_which_only_those_notice_who_send_much(self) -> None:
        little = self.intake.meter("192.0.2.9")
        assert [self.sent(f"192.0.2.{number}")[1] for number in range(3)] == [OF_CONNECTION, OF_CONNECTION, OF_ALL]
        assert little.take(SETTLED_BYTES) is None
        assert little.take(HEAVY_BYTES) == OF_ALL

    def test_a_message_of_the_greatest_size_is_never_too_much(self) -> None:
        settings = GatewaySettings(
            message_bytes_max=1 << 24,
            bytes_per_minute_max=1,
            bytes_per_minute_per_ip_max=1,
            bytes_per_minute_of_all_max=1,
        )
        assert Intake(settings, lambda: 0.0).meter("192.0.2.1").take(1 << 24) is None


class TestConnections:
    async def test_who_sends_too_much_is_closed_and_others_of_the_address_with_it_when_they_do(self) -> None:
        limits: dict[str, Any] = {
            "bytes_per_minute_max": 200_000,
            "bytes_per_minute_per_ip_max": 300_000,
            "sweep_interval_ms": 60_000,
        }
        piece = client_frame(CONTINUATION, b"x" * 100, final=False)
        async with serve(message_bytes_max=65_536, fragments_max=100_000, **limits) as served:
            for _ in range(3):
                async with await served.connect() as client:
                    whole = client_frame(TEXT, b"x", final=False) + piece * 600 + client_frame(CONTINUATION, b"")
                    client.send(whole * 5)
                    assert await client.close_code() == 1008
            async with await served.connect(source="127.0.0.2") as other:
                other.send(client_frame(PING, b"x"))
                assert (await other.message())["type"] == "connection_status"
                assert (await other.frame()).payload == b"x"
