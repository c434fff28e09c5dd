"""The client protocol: the only place where text from a client is decoded and text for it is encoded."""
