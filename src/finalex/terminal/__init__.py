"""The terminal: what somebody at a command line sees of a server, and does with it."""
