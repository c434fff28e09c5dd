"""What `finalex cluster status` shows, and how it exits."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest

from cluster.answering import GATEWAY, STANDBY, answering, connected, new_names, prepared
from finalex import __version__
from finalex.bus.connection import BusError
from finalex.bus.file import write_bus_file
from finalex.bus.names import Names
from finalex.cli_cluster_status import cluster_status
from finalex.settings.origins import SettingError
from support.nats_servers import NatsServers, one_nats

__all__ = ["one_nats"]


@pytest.fixture
def names() -> Names:
    return new_names()


async def shown(
    servers: NatsServers, names: Names, capsys: pytest.CaptureFixture[str], **flags: bool
) -> tuple[int, str]:
    where = {"nats": ",".join(servers.urls), "cluster_name": names.cluster}
    code = await asyncio.to_thread(partial(cluster_status, **where, **flags))  # type: ignore[arg-type]
    return code, capsys.readouterr().out


async def test_a_sound_cluster_is_shown_as_tables(
    one_nats: NatsServers, names: Names, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(one_nats) as client, answering(client, names):
        await prepared(client, names, 1)
        code, page = await shown(one_nats, names, capsys)
    assert code == 0
    nodes, servers, storage, verdict = (part.splitlines() for part in page.split("\n\n"))
    assert nodes[0].split()[:4] == ["ROLE", "NODE", "STATE", "SEQUENCE"]
    assert [line.split()[:6] for line in nodes[1:]] == [
        ["engine", "e1", "leading", "7", "0", "ms"],
        ["engine", "e2", "following", "7", "10", "ms"],
        ["gateway", "g1", "serving", "6", "20", "ms"],
    ]
    assert nodes[3].split()[6:8] == ["3", "0:00:00"]
    assert all(line.endswith(__version__) for line in nodes[1:])
    assert "leads" in servers[1]
    assert [line.split()[:3] for line in storage] == [["log", "1", "messages,"], ["snapshot", "sequence", "10"]]
    assert verdict == ["Everything is as it should be."]


async def test_a_cluster_that_nobody_leads_is_a_failure_with_a_sentence(
    one_nats: NatsServers, names: Names, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(one_nats) as client, answering(client, names, [STANDBY, GATEWAY]):
        await prepared(client, names, 1)
        code, page = await shown(one_nats, names, capsys)
    assert (code, page.splitlines()[-1]) == (1, "No engine leads: no order is taken.")


async def test_programs_read_the_same_as_json(
    one_nats: NatsServers, names: Names, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connected(one_nats) as client, answering(client, names, [GATEWAY]):
        code, text = await shown(one_nats, names, capsys, json=True)
    found = json.loads(text)
    assert code == 1
    assert [node["name"] for node in found["nodes"]] == ["g1"]
    assert found["storage"]["log"] is None
    assert found["problems"] == [
        "No engine leads: no order is taken.",
        "There is no log yet: no engine has ever run here.",
    ]


def test_without_a_server_that_answers_the_reason_is_said() -> None:
    with pytest.raises(BusError, match=r"127\.0\.0\.1:1:"):
        cluster_status(nats="nats://127.0.0.1:1")


def test_without_an_address_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nats"):
        cluster_status(data_dir=str(tmp_path))


async def test_the_nats_server_of_an_exchange_of_workers_is_found_by_its_data_directory(
    one_nats: NatsServers, names: Names, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bus_file(tmp_path, one_nats.address, names)
    async with connected(one_nats) as client, answering(client, names, [GATEWAY]):
        code = await asyncio.to_thread(partial(cluster_status, data_dir=str(tmp_path)))
    assert (code, "g1" in capsys.readouterr().out) == (1, True)
