"""What a source reports about the market data that it reads."""

from collections.abc import Callable
from enum import StrEnum


class Problem(StrEnum):
    """Everything that can be wrong with market data from outside; each is counted under its name."""

    UNREADABLE = "unreadable"
    """A torn or garbage line, or a file that ends early; the book is given up if an update may be lost."""
    INVALID = "invalid"
    """A number does not fit the instrument, or the book would be crossed; the message is not used."""
    GAP = "gap"
    """Updates of the book or trades are missing; without an update the book is given up."""
    REPEATED = "repeated"
    """A message that was there before, or a snapshot older than the book; ignored."""
    LATE = "late"
    """A trade came with a time that was over already; its time was raised."""
    NO_SNAPSHOT = "no_snapshot"
    """Updates pass and no snapshot comes: there is no book."""
    FOREIGN = "foreign"
    """A message of another symbol than the file's; ignored."""


Report = Callable[[Problem, str], None]
"""Called with every problem and a sentence that says what and where in the data."""
