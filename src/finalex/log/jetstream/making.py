"""Making the log's stream, and checking the one that is there."""

from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RePublish, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from finalex.bus.names import Names
from finalex.log.jetstream.answers import StreamAwayError, explained, reason
from finalex.log.jetstream.limits import MESSAGE_BYTES_MAX
from finalex.log.port import LogError

MAKING_TIMEOUT_S = 5.0
HEADERS_BYTES = 4096
"""What a message has beside its content, at most."""


async def make_stream(client: Client, names: Names, replicas: int, bytes_max: int) -> None:
    """Make the stream of `names`, or check the one that is there; see `LogStream.prepare`."""
    _check_payload(client)
    jetstream = client.jetstream(timeout=MAKING_TIMEOUT_S)
    wanted = _config(names, replicas, bytes_max)
    with explained():
        try:
            found = (await jetstream.stream_info(names.log_stream)).config
        except NotFoundError:
            found = None
        try:
            if found is None:
                await jetstream.add_stream(wanted)
                return
            _check(found, wanted)
            if (found.num_replicas, found.max_bytes) != (replicas, bytes_max):
                await jetstream.update_stream(found.evolve(num_replicas=replicas, max_bytes=bytes_max))
        except APIError as error:
            if error.code == 503 and not error.err_code:
                raise
            raise _refused(names, error) from None


def _config(names: Names, replicas: int, bytes_max: int) -> StreamConfig:
    return StreamConfig(
        name=names.log_stream,
        description="The log of a Finalex exchange.",
        subjects=[names.log],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=bytes_max,
        num_replicas=replicas,
        allow_direct=True,
        deny_delete=True,
        republish=RePublish(src=names.log, dest=names.live),
    )


def _check(found: StreamConfig, wanted: StreamConfig) -> None:
    """Raise `LogError` if the stream that is there could lose messages, or would not tell them."""
    checked = ("subjects", "retention", "storage", "discard", "allow_direct", "deny_delete")
    wrong = [name for name in checked if getattr(found, name) != getattr(wanted, name)]
    live = found.republish
    if (
        live is None
        or wanted.republish is None
        or (live.src, live.dest) != (wanted.republish.src, wanted.republish.dest)
    ):
        wrong.append("republish")
    limits = {"max_age": found.max_age, "max_msgs": found.max_msgs, "max_msgs_per_subject": found.max_msgs_per_subject}
    wrong += [name for name, value in limits.items() if value is not None and value > 0]
    if found.num_replicas is not None and found.mirror is None and not found.sealed and not wrong:
        return
    differing = ", ".join(wrong) or "mirror"
    raise LogError(
        f"The stream '{found.name}' on JetStream cannot be a log: its settings differ ({differing}). "
        "Give the cluster another name, or delete the stream if nothing in it counts."
    )


def _check_payload(client: Client) -> None:
    needed = MESSAGE_BYTES_MAX + HEADERS_BYTES
    if client.max_payload < needed:
        raise LogError(f"NATS takes messages of up to {client.max_payload} bytes; set its max_payload to {needed}.")


def _refused(names: Names, error: APIError) -> LogError:
    if error.err_code in (10074, 10005):
        text = f"{reason(error)}: start as many NATS servers as 'nats_replicas' says, or lower it"
        return StreamAwayError(f"The stream '{names.log_stream}' cannot be made: {text}.")
    return LogError(f"The stream '{names.log_stream}' cannot be made: {reason(error)}.")
