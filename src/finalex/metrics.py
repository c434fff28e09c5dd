"""What is counted: plain integers that cost almost nothing to raise, turned into Prometheus text when somebody asks."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from finalex.histogram import Histogram

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_TOTALS = {
    "connections_opened": "WebSocket connections that were accepted, refused ones included",
    "messages_received": "Text messages from clients",
    "messages_sent": "Replies, errors and status messages to single clients",
    "bytes_sent": "Bytes of WebSocket frames handed to the network",
    "batches": "Batches of the log that were applied",
    "events": "Events in those batches",
}

_LABELED_TOTALS = {
    "publications": ("channel", "Messages of channels that somebody was subscribed to, each counted once"),
    "deliveries": ("channel", "Messages of channels sent, counted for every receiver"),
    "errors": ("code", "Errors sent to clients"),
    "closes": ("code", "WebSocket connections that ended, by the close code (1006: without one)"),
    "refusals": ("reason", "Connections turned away: over a limit, or knocking too often"),
    "http_responses": ("status", "Answers to HTTP requests, refused handshakes included"),
    "failures": ("place", "Faults of our own that were caught"),
    "source_problems": ("problem", "Problems in market data from outside"),
    "chaos_faults": ("fault", "Faults injected on purpose (--chaos)"),
}


TICK_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

LATENCY_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Times are whole milliseconds: what takes less than one counts as 0 or 1."""


class Metrics(Collector):
    """The counts of one server; attributes are named as in the text, without `finalex_` and `_total`."""

    def __init__(self) -> None:
        self.connections_opened = 0
        self.messages_received = 0
        self.messages_sent = 0
        self.bytes_sent = 0
        self.batches = 0
        self.events = 0
        self.publications: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.tick_messages = Histogram(TICK_BOUNDS)
        self.latency_s: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(LATENCY_BOUNDS_S))
        self.errors: Counter[str] = Counter()
        self.closes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.http_responses: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.source_problems: Counter[str] = Counter()
        self.chaos_faults: Counter[str] = Counter()
        self.subscriptions: Counter[str] = Counter()
        self._watched: list[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str, Callable[[], float]]] = []
        self._labeled: list[tuple[str, str, str, Callable[[], Mapping[str, float]]]] = []
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def watch(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show what `read` returns, asked anew each time, as the gauge `finalex_` + `name`."""
        self._watched.append((GaugeMetricFamily, name, documentation, read))

    def watch_labeled(self, name: str, documentation: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Show what `read` returns, by the value of `label`, as the gauge `finalex_` + `name`.

        A later `read` of a name takes the place of the earlier one.
        """
        self._labeled = [each for each in self._labeled if each[0] != name]
        self._labeled.append((name, documentation, label, read))

    def watch_total(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show what `read` returns, which only grows, as the counter `finalex_` + `name` + `_total`."""
        self._watched.append((CounterMetricFamily, name, documentation, read))

    def text(self) -> bytes:
        """Return everything in the Prometheus text format, `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; called by the registry."""
        for name, documentation in _TOTALS.items():
            yield CounterMetricFamily(f"finalex_{name}", documentation, value=getattr(self, name))
        for name, (label, documentation) in _LABELED_TOTALS.items():
            counts: Counter[str] = getattr(self, name)
            family = CounterMetricFamily(f"finalex_{name}", documentation, labels=[label])
            for value, count in sorted(counts.items()):
                family.add_metric([value], count)
            yield family
        subscriptions = GaugeMetricFamily("finalex_subscriptions", "Subscriptions there are now", labels=["channel"])
        for channel, count in sorted(self.subscriptions.items()):
            subscriptions.add_metric([channel], count)
        yield subscriptions
        yield from self._histograms()
        for family_type, name, documentation, read in self._watched:
            yield family_type(f"finalex_{name}", documentation, value=read())
        for name, documentation, label, read_all in self._labeled:
            gauge = GaugeMetricFamily(f"finalex_{name}", documentation, labels=[label])
            for value, number in read_all().items():
                gauge.add_metric([value], number)
            yield gauge

    def _histograms(self) -> Iterator[Metric]:
        ticks = HistogramMetricFamily("finalex_tick_messages", "Messages that were published and written together")
        ticks.add_metric([], self.tick_messages.buckets(), self.tick_messages.sum)
        yield ticks
        latency = HistogramMetricFamily(
            "finalex_latency_seconds", "From the engine's log to the socket, by the message", labels=["channel"]
        )
        for channel, histogram in sorted(self.latency_s.items()):
            latency.add_metric([channel], histogram.buckets(), histogram.sum)
        yield latency
