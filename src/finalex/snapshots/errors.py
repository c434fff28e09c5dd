"""What can be wrong with a snapshot. Every text is a sentence for the operator."""


class SnapshotError(Exception):
    """A snapshot cannot be used."""


class SnapshotDamagedError(SnapshotError):
    """The file is not what was written, or no release of this format can have written it."""


class SnapshotVersionError(SnapshotError):
    """The file is of a format that this release does not know."""


class IncompatibleInstrumentsError(SnapshotError):
    """The snapshot is fine, but the configured instruments do not go with what is in it."""
