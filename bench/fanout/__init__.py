"""The fan-out benchmark: our server beside others and a floor in C; see README.md in this directory."""
