"""Whatever is lost, late or twice, and whoever is started again: in the end everybody's sums are exact."""

from collections import deque
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from finalex.cluster.presence_gossip import Gossip
from finalex.cluster.presence_messages import Message, account_key, address_key, decode, encode

HERE, THERE = address_key("192.0.2.1"), address_key("192.0.2.2")
ANN = account_key("ann")

NODES = ("a", "b", "c")
KEYS = (HERE, THERE, ANN)
BEAT_MS = 1000

Step = tuple[str, str, str, int]


class Talk:
    """Gateways on a network that loses what it is told to lose; nothing overtakes anything from the same gateway."""

    def __init__(self) -> None:
        self.epoch = 1
        self.now_ms = 0
        self.gossips = {node: Gossip(node, self.epoch) for node in NODES}
        self.lines: dict[tuple[str, str], deque[bytes]] = {(a, b): deque() for a in NODES for b in NODES}

    def publish(self, sender: str, messages: Iterable[Message]) -> None:
        for message in messages:
            for listener in NODES:
                self.lines[sender, listener].append(encode(message))

    def speak(self, node: str, *, beats: bool) -> None:
        gossip = self.gossips[node]
        changes = gossip.changes()
        self.publish(node, changes)
        if beats and not changes:
            self.publish(node, [gossip.beat()])
        if gossip.asked:
            self.publish(node, gossip.pieces())
        if gossip.peers.unsure():
            self.publish(node, [gossip.ask(gossip.peers.unsure())])

    def deliver(self, sender: str, listener: str, count: int) -> None:
        line = self.lines[sender, listener]
        for _ in range(min(count, len(line))):
            self.gossips[listener].take(decode(line.popleft()), self.now_ms)

    def lose(self, sender: str, listener: str, count: int) -> None:
        line = self.lines[sender, listener]
        for _ in range(min(count, len(line))):
            line.popleft()

    def restart(self, node: str) -> None:
        self.epoch += 1
        self.gossips[node] = Gossip(node, self.epoch)
        for other in NODES:
            self.lines[other, node].clear()

    def beat(self) -> None:
        self.now_ms += BEAT_MS
        for node in NODES:
            self.gossips[node].peers.forget_silent(self.now_ms)
            self.speak(node, beats=True)

    def take(self, step: Step) -> None:
        what, node, other, number = step
        match what:
            case "tell":
                self.gossips[node].tell(KEYS[number % len(KEYS)], number // len(KEYS), self.now_ms)
            case "speak":
                self.speak(node, beats=number % 2 == 0)
            case "deliver":
                self.deliver(node, other, number)
            case "lose":
                self.lose(node, other, number)
            case "skip":
                self.gossips[node].skip()
            case "restart":
                self.restart(node)
            case "beat":
                self.beat()

    def calm_down(self) -> None:
        """Let three beats pass in which nothing changes and nothing is lost: one to notice, ask, and answer each."""
        for _ in range(3):
            self.beat()
            for line in self.lines:
                self.deliver(*line, len(self.lines[line]))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("tell", "tell", "speak", "deliver", "deliver", "lose", "skip", "restart", "beat")),
            st.sampled_from(NODES),
            st.sampled_from(NODES),
            st.integers(0, 8),
        ),
        max_size=60,
    )
)
def test_after_a_quiet_time_everybodys_sums_are_exact(steps: list[Step]) -> None:
    talk = Talk()
    for step in steps:
        talk.take(step)
    talk.calm_down()
    for node, gossip in talk.gossips.items():
        others = [other.own for name, other in talk.gossips.items() if name != node]
        for key in KEYS:
            assert gossip.peers.count(key) == sum(own.get(key, (0, 0))[0] for own in others)
        assert gossip.peers.connections == sum(own.get(key, (0, 0))[0] for own in others for key in (HERE, THERE))
        assert gossip.peers.unsure() == []
