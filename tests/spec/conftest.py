"""The specification's tests run against one process, and against an exchange of many on NATS."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from support.clusters import serving_cluster
from support.nats_servers import NatsServers, one_nats
from support.server import Server, serving

__all__ = ["one_nats"]

Serving = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture(name="serving", params=["one process", "cluster"])
def whole_exchange(request: pytest.FixtureRequest) -> Serving:
    """Return what runs an exchange with given settings while a block lasts."""
    if request.param == "one process":
        return serving
    servers: NatsServers = request.getfixturevalue("one_nats")
    return partial(serving_cluster, servers)
