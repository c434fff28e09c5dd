"""The vocabulary: instruments, orders, commands, events and reject reasons. Imports nothing else of ours."""
