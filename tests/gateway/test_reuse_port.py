"""Several gateways on one port, if all of them ask for that."""

from pathlib import Path

import pytest

from finalex.gateway.settings import GatewaySettings
from finalex.gateway.tls import Certificate
from finalex.metrics import Metrics
from finalex.session.limits import Limits
from support.certificates import Authority
from support.conversation import NoKeys
from support.served import Served

HOST = "127.0.0.1"


def gateway(*, reuse_port: bool) -> Served:
    return Served(GatewaySettings(reuse_port=reuse_port), Limits(), NoKeys())


@pytest.fixture(params=["plain", "tls"])
def certificate(request: pytest.FixtureRequest, tmp_path: Path) -> Certificate | None:
    return None if request.param == "plain" else Certificate(*Authority().issue(tmp_path), Metrics())


async def test_two_that_ask_for_it_have_the_same_port(certificate: Certificate | None) -> None:
    first, second = gateway(reuse_port=True), gateway(reuse_port=True)
    port = await first.gateway.start(HOST, 0, certificate)
    assert await second.gateway.start(HOST, port, certificate) == port
    await first.gateway.stop(0)
    await second.gateway.stop(0)


@pytest.mark.parametrize("asks", [(True, False), (False, True)])
async def test_if_only_one_asks_the_port_is_taken(asks: tuple[bool, bool], certificate: Certificate | None) -> None:
    first, second = (gateway(reuse_port=each) for each in asks)
    port = await first.gateway.start(HOST, 0, certificate)
    with pytest.raises(OSError, match="in use"):
        await second.gateway.start(HOST, port, certificate)
    await first.gateway.stop(0)
