"""The roles of a process in an exchange of several: an engine, a gateway, and the supervisor of all on one machine."""
