"""A gateway's part in the credentials that all nodes of an exchange share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from nats.aio.client import Client

from finalex.clock import now_ms
from finalex.cluster.credentials_bucket import CredentialBucket, CredentialsAwayError
from finalex.cluster.credentials_mirror import CredentialMirror, Node
from finalex.config import Config
from finalex.credentials.secret import SecretFileError
from finalex.ending import end_tasks
from finalex.metrics import Metrics
from finalex.session.auth import LoginRecord, Revocation
from finalex.starting import StartError

RETRY_S = 0.5
"""The pause before NATS is asked again after a failure."""

_log = structlog.get_logger("finalex.cluster")


@asynccontextmanager
async def credentials_shared(
    config: Config,
    name: str,
    client: Client,
    metrics: Metrics,
    close_revoked: Callable[[Revocation], int],
    audit: LoginRecord,
) -> AsyncIterator[CredentialMirror]:
    """Keep the files of the node `name` as the exchange's credentials are, for as long as the context lasts.

    Entering it takes them over; raises `StartError` if this node could not tell who somebody is as the others can.
    """
    try:
        secret = config.signing_secret() if config.own_tokens else None
        node = Node(name=name, data_dir=config.data_dir, secret=secret)
        bucket = CredentialBucket(client, config.bus_names, now_ms)
        mirror = CredentialMirror(client, bucket, node, close_revoked, audit)
        await _join(mirror, config.nats_replicas)
    except (OSError, SecretFileError) as error:
        raise StartError(str(error)) from None
    metrics.watch(
        "credentials_followed",
        "1 while this node can check credentials as the others can, 0 while its own may be old",
        lambda: not mirror.problem,
    )
    following = asyncio.create_task(mirror.run())
    try:
        yield mirror
    finally:
        await end_tasks(following)


async def _join(mirror: CredentialMirror, replicas: int) -> None:
    """Join as soon as NATS answers."""
    said = ""
    while True:
        try:
            await mirror.join(replicas)
        except CredentialsAwayError as error:
            if str(error) != said:
                said = str(error)
                _log.warning("credentials_wait", reason=said)
            await asyncio.sleep(RETRY_S)
        else:
            return
