"""When Python looks for garbage that reference counts do not free: seldom, since nothing of ours makes any.

Looking through everything takes some 100 ms with a thousand connections, and nobody is served meanwhile. So what is
there when the server has started is never looked at again, and of what comes later only the young: connections and
messages are freed by their counts, the moment nobody has them. `python -m bench.storm --gc …` has the figures.
"""

import gc

THRESHOLDS = (700, 10, 100_000)
"""The first two are Python's own; everything that is old is looked at after so many looks at the middle-aged."""


def settle() -> None:
    """Say that the server has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
