"""How nodes are: each answers for itself, and who asks takes what can be understood."""

import json
from itertools import count

import pytest

from cluster.answering import ENGINE, NODES, answering, connected, new_names
from finalex.bus.names import Names
from finalex.cluster.status import NodeStatus, StatusResponder, ThisNode, ask_nodes
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]

WITHIN_S = 0.1


@pytest.fixture
def names() -> Names:
    return new_names()


async def test_every_node_answers_for_itself_and_only_in_its_own_cluster(one_nats: NatsServers, names: Names) -> None:
    async with connected(one_nats) as client, answering(client, names):
        assert await ask_nodes(client, names, WITHIN_S) == [*NODES]
        assert await ask_nodes(client, Names("another"), WITHIN_S) == []


async def test_that_there_is_nobody_is_no_answer(
    one_nats: NatsServers, names: Names, capfd: pytest.CaptureFixture[str]
) -> None:
    async with connected(one_nats) as client:
        assert await ask_nodes(client, names, WITHIN_S) == []
    assert "status_not_understood" not in "".join(capfd.readouterr())


async def test_a_node_that_ends_answers_no_longer(one_nats: NatsServers, names: Names) -> None:
    async with connected(one_nats) as client:
        async with answering(client, names):
            pass
        assert await ask_nodes(client, names, WITHIN_S) == []


async def test_a_node_that_cannot_say_how_it_is_says_nothing_and_goes_on(one_nats: NatsServers, names: Names) -> None:
    asked = count()

    def describe() -> NodeStatus:
        if next(asked) == 0:
            raise RuntimeError("not now")
        return ENGINE

    async with connected(one_nats) as client:
        await StatusResponder(client, names, describe).start()
        assert await ask_nodes(client, names, WITHIN_S) == []
        assert await ask_nodes(client, names, WITHIN_S) == [ENGINE]


@pytest.mark.parametrize(
    "answer",
    [b"", b"{}", b"\xff", b'{"role":"engine"}', json.dumps({"name": "\x1b[2J"}).encode()],
)
async def test_answers_that_nobody_understands_are_left_out(one_nats: NatsServers, names: Names, answer: bytes) -> None:
    async with connected(one_nats) as client, answering(client, names):

        async def disturb(message: object) -> None:
            await client.publish(message.reply, answer)  # type: ignore[attr-defined]

        await client.subscribe(names.status, cb=disturb)
        assert await ask_nodes(client, names, WITHIN_S) == [*NODES]


def test_a_terminal_shows_no_control_characters_of_a_problem() -> None:
    status = ThisNode("engine", "e1").status(state="leading", sequence=7, lag_ms=20, problem="bad\x1b[2J" + "x" * 300)
    assert status.problem is not None
    assert (status.problem[:8], len(status.problem)) == ("bad?[2Jx", 200)
