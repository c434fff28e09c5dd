"""A crowd of clients and a server for it: what connections cost in memory, and what it costs when all come at once."""
