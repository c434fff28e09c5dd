"""The operator's own way to a server that runs: requests over a socket in its data directory, not the public port."""
