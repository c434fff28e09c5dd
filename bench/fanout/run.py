"""One run: a server on one core, the load generator on another, and what they say in the end."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.fanout.build import FOLDER, build
from bench.fanout.ours import Finalex
from bench.fanout.plan import Course, Server, encode_plan
from bench.fanout.result import Mode, Result
from bench.fanout.target import PEER_SPEECHES, Speech, Target
from bench.fanout.workloads import Workload

STOP_TIMEOUT_S = 20
KEPT_UP_SHARE = 0.9
"""A server that does less of what it should do is too slow for a figure of latency."""

FILES_MAX = 20_000
"""Open files that a server needs for 5,000 clients, and some more."""


class RunError(Exception):
    """A run that has no result: the server did not start, or what it sent was not right; the text says why."""


def run(
    target: Target,
    workload: Workload,
    course: Course,
    *,
    silent: bool = False,
    told: Callable[[dict[str, Any]], None] = lambda phase: None,
    afterwards: Callable[[Server], None] = lambda server: None,
) -> dict[str, Any]:
    """Start `target`, put the load on it, and return what the load generator reports; raises `RunError`.

    `silent` makes the server's sends no-ops while it is measured. `told` hears of each phase when it ends, `afterwards`
    is given the server before it is stopped.
    """
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(_switch_file()) if silent else None
        server = stack.enter_context(_serving(target, switch))
        with tempfile.NamedTemporaryFile(prefix="fanout-", suffix=".plan") as file:
            file.write(encode_plan(speech(target, workload), workload.audiences, workload.ticks, server, course))
            file.flush()
            report = _load(Path(file.name), told) | {"silent": silent}
        afterwards(server)
        return report


def speech(target: Target, workload: Workload) -> Speech:
    """Return how `target` is spoken to."""
    return Finalex(workload) if target.protocol == "finalex" else PEER_SPEECHES[target.protocol](workload.ticks)


def result_of(report: dict[str, Any], target: Target, workload: Workload, rate: float = 0.0) -> Result:
    """Return what a report says; raises `RunError` for one of a server that could not keep up with `rate`."""
    if not report["sustained"] or report["ticks"] < KEPT_UP_SHARE * rate * report["seconds"]:
        raise RunError(f"does not keep up with {rate:.0f} ticks a second")
    mode: Mode = "user_space" if report["silent"] else "fixed" if rate else "saturated"
    numbers = {
        name: report[name] for name in ("ticks", "messages", "seconds", "user_s", "system_s", "rss_bytes", "load_s")
    }
    latency_us = report["latency_us"]
    return Result(target.name, workload.name, workload.clients, mode, latency_us=latency_us, **numbers)


# --- the server -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _switch_file() -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="fanout-switch-") as file:
        file.write(b"0")
        file.flush()
        yield Path(file.name)


@contextlib.contextmanager
def _serving(target: Target, switch: Path | None) -> Iterator[Server]:
    environment = os.environ | dict(target.environment)
    if switch is not None:
        environment |= {"LD_PRELOAD": str(build("nosend.so")), "NOSEND_SWITCH": str(switch)}
    command = [*_pinned(0), *target.command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=FOLDER.parent, text=True)
    try:
        ports = _ready_ports(process, target.name)
        processes = tuple(_descendants(process.pid))
        yield Server(ports[0], ports[-1], processes, str(switch) if switch else "-")
    finally:
        _stop(process)


def _pinned(place: int) -> list[str]:
    """Return the words that pin a command to the first core (0) or to the last (-1) of those we may use."""
    cores = sorted(os.sched_getaffinity(0))
    return ["prlimit", f"--nofile={_files_max()}", "taskset", "-c", str(cores[place])]


def _files_max() -> int:
    return min(FILES_MAX, int(subprocess.run("ulimit -Hn", shell=True, capture_output=True, check=True).stdout))


def _ready_ports(process: subprocess.Popen[str], name: str) -> list[int]:
    assert process.stdout is not None
    words = process.stdout.readline().split()
    if not words or words[0] != "READY":
        raise RunError(f"{name} did not start")
    return [int(word) for word in words[1:]]


def _descendants(process: int) -> Iterator[int]:
    """Yield a process and all that it started, directly or not."""
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _descendants(int(child))


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


# --- the load -------------------------------------------------------------------------------------------


def _load(plan: Path, told: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    command = [*_pinned(-1), str(build("load")), str(plan)]
    report: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                report = json.loads(line)
                if "phase" in report:
                    told(report)
            errors = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RunError(errors.strip())
    return report
