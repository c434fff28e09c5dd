"""What the trading page costs: the time to its first chart, and what it holds while a market moves.

`python -m bench.page` serves the simulated market, opens the page in headless Chromium some times and takes from the
browser's own clock when the first candles were painted, counted from the start of the navigation, with a cold and a
warm cache. With `--minutes 10` it then leaves the page open that long and prints, at intervals, the messages that came
in a second, the JavaScript heap after a full garbage collection, DOM nodes and listeners, and how busy the page's main
thread was; a line through the heap's second half says what it would be after an hour.
"""

import argparse
import asyncio
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from bench.replay import free_port, wait_until_ready

FIRST_CHART_MS = """new Promise((resolve) => {
  new PerformanceObserver((list, observer) => {
    observer.disconnect();
    resolve(list.getEntries()[0].startTime);
  }).observe({ type: "mark", buffered: true });
})"""
"""Resolves with the time of the page's only mark."""

MIB = 1 << 20

SETTLING_S = 20
"""Code is compiled, caches fill and the tape reaches its length: what comes before says nothing about growth."""


@dataclass(frozen=True)
class Sample:
    """The page at one moment."""

    seconds: float
    messages: int
    heap_bytes: float
    nodes: int
    listeners: int
    busy_s: float


@contextmanager
def serving() -> Iterator[int]:
    """Run the simulated market as a process of its own and give its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        finalex = str(Path(sys.executable).with_name("finalex"))
        command = [finalex, "serve", "--port", str(port), "--data-dir", directory, "--log-level=error"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(port)
            yield port
        finally:
            server.terminate()
            server.wait()


async def first_charts(browser: Browser, port: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return the times (ms) to the first chart with a cold and with a warm cache."""
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        page = await context.new_page()
        for times in (cold, warm):
            await page.goto(f"http://127.0.0.1:{port}/")
            times.append(float(await page.evaluate(FIRST_CHART_MS)))
        await context.close()
    return cold, warm


async def take_sample(page: Page, session: CDPSession, start_s: float) -> Sample:
    """Collect all garbage of the page and look at what is left."""
    await session.send("HeapProfiler.collectGarbage")
    reply = await session.send("Performance.getMetrics")
    metrics = {metric["name"]: metric["value"] for metric in reply["metrics"]}
    rate = re.search(r"\d+", await page.locator("#rate").inner_text())
    return Sample(
        seconds=asyncio.get_running_loop().time() - start_s,
        messages=int(rate[0]) if rate else 0,
        heap_bytes=metrics["JSHeapUsedSize"],
        nodes=int(metrics["Nodes"]),
        listeners=int(metrics["JSEventListeners"]),
        busy_s=metrics["TaskDuration"],
    )


async def watch(browser: Browser, port: int, minutes: float, every_s: float) -> list[Sample]:
    """Leave the page open and return what was seen of it, printed as it comes."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable")
    await page.goto(f"http://127.0.0.1:{port}/")
    await page.evaluate(FIRST_CHART_MS)
    start_s = asyncio.get_running_loop().time()
    await asyncio.sleep(SETTLING_S)
    samples = [await take_sample(page, session, start_s)]
    print("\n| minutes | messages/s | heap after GC | DOM nodes | listeners | main thread busy |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    while samples[-1].seconds < minutes * 60:
        await asyncio.sleep(every_s)
        sample = await take_sample(page, session, start_s)
        before = samples[-1]
        busy = (sample.busy_s - before.busy_s) / (sample.seconds - before.seconds)
        print(
            f"| {sample.seconds / 60:.1f} | {sample.messages} | {sample.heap_bytes / MIB:.2f} MiB | {sample.nodes} | "
            f"{sample.listeners} | {busy:.0%} |",
            flush=True,
        )
        samples.append(sample)
    await context.close()
    return samples


def extrapolate(samples: list[Sample]) -> str:
    """Return what the second half of the samples says about an hour."""
    half = samples[len(samples) // 2 :]
    if len(half) < 3:
        return "Too few samples to say anything about an hour."
    line = statistics.linear_regression([each.seconds for each in half], [each.heap_bytes for each in half])
    spread = (max(each.heap_bytes for each in half) - min(each.heap_bytes for each in half)) / MIB
    hourly = line.slope * 3600 / MIB
    end = half[-1].heap_bytes / MIB
    return (
        f"Second half: {end:.2f} MiB at the end, {spread:.2f} MiB between its least and most. A line through it rises "
        f"by {hourly:+.2f} MiB an hour; that is an extrapolation of {half[-1].seconds / 60:.0f} minutes."
    )


async def run(options: argparse.Namespace, port: int) -> None:
    """Measure and print."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=options.chromium)
        cold, warm = await first_charts(browser, port, options.rounds)
        print("| first chart, ms from the start of navigation | median | least | most |")
        print("| --- | ---: | ---: | ---: |")
        for name, times in (("cold cache", cold), ("warm cache", warm)):
            median = statistics.median(times)
            print(f"| {name}, {len(times)} rounds | {median:.0f} | {min(times):.0f} | {max(times):.0f} |")
        if options.minutes:
            print("\n" + extrapolate(await watch(browser, port, options.minutes, options.every)))
        await browser.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often to open the page (5)")
    parser.add_argument("--minutes", type=float, default=0, help="how long to watch its memory (0: not at all)")
    parser.add_argument("--every", type=float, default=30, help="seconds between two samples (30)")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser's path")
    options = parser.parse_args()
    if options.chromium is None:
        sys.exit("There is no chromium: apt-get install chromium")
    with serving() as port:
        asyncio.run(run(options, port))


if __name__ == "__main__":
    main()
