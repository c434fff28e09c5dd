"""The recorder: a client that writes down what a server sends it."""
