"""The log when the only server dies and comes back under its writer."""

from pathlib import Path

import msgspec
import pytest

from finalex.log.port import LogProblem, LogRefusedError
from finalex.model.events import Batch
from log.jetstream.written import LIMITS, durable, open_log, open_stream, until
from log.opened import event
from support.nats_servers import nats_servers, restarted


async def test_what_was_appended_waits_for_the_server(tmp_path: Path) -> None:
    with nats_servers(tmp_path) as servers:
        async with open_stream(servers.address, "main") as stream:
            log = await open_log(servers.address, stream, limits=msgspec.structs.replace(LIMITS, failed_ms=0))
            seen: list[Batch] = []
            log.follow(seen.append)
            batches = []
            for round_ in range(3):
                batches.append(log.append([event(round_)], round_))
                assert await durable(log)
                servers.kill(0)
                batches.append(log.append([event(round_)], round_))
                await until(lambda: log.problem is LogProblem.STORAGE_FAILED)
                with pytest.raises(LogRefusedError):
                    log.append([event(round_)], round_)
                await restarted(servers, 0)
                await until(lambda: log.problem is None)
            log.close()

            assert seen == batches
            await until(lambda: stream.client.is_connected)
            assert [batch for each in await stream.read(0) for batch in each.batches] == batches


async def test_a_log_whose_server_is_gone_is_closed_all_the_same(tmp_path: Path) -> None:
    with nats_servers(tmp_path) as servers:
        async with open_stream(servers.address, "main") as stream:
            log = await open_log(servers.address, stream)
            log.append([event(1)], 1)
            await durable(log)
            servers.kill(0)
            told: list[bool] = []
            log.append([event(2)], 2)
            log.when_durable(2, told.append)
            log.close(leaving=True)

            assert told == [False]
            assert [log.problem] == [LogProblem.CLOSED]
