"""Snapshots: the state at one place in the log, in files, so that a start need not read the log from its beginning."""
