"""The recorded markets, played from beginning to end as fast as possible."""

import asyncio
from collections.abc import Callable, Sequence

from finalex.log.memory import MemoryLog
from finalex.model.events import Batch
from finalex.model.markets import DEFAULT_INSTRUMENTS
from finalex.sources.recorded import RecordedMarkets
from finalex.sources.recordings import Recording, open_recordings
from finalex.sources.replay import ReplaySource
from support.recordings import recording

SPOT_BTC = ("l2/binance_spot_btcusdt_20240808.gz", "l2/binance_spot_btcusdt_20240809.gz")
FUTURES_BTC = ("l2/binance_usdm_btcusdt_20240718.gz", "l2/binance_usdm_btcusdt_20240719.gz")
FUTURES_ETH = ("l2/binance_usdm_ethusdt_20240718.gz", "l2/binance_usdm_ethusdt_20240719.gz")


def recordings(names: Sequence[str]) -> list[Recording]:
    """Look into recorded files; skips the test without them."""
    return open_recordings(",".join(str(recording(name)) for name in names), DEFAULT_INSTRUMENTS)


def replay(names: Sequence[str], follow: Callable[[RecordedMarkets, Batch], None]) -> ReplaySource:
    """Play recorded files, show `follow` every batch with the reel as it stood then, and return the source."""
    log = MemoryLog(batches_max=1)
    reel = RecordedMarkets(recordings(names), DEFAULT_INSTRUMENTS)
    source = ReplaySource(reel, log, speed=None)
    log.follow(lambda batch: follow(reel, batch))
    asyncio.run(source.run())
    return source
