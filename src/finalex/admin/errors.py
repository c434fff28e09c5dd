"""What can go wrong on the way to a server, and on a server's way to its socket."""


class AdminError(OSError):
    """The admin channel cannot be used, or says no; the text is a sentence for the operator."""


class NoServerError(AdminError):
    """Nobody listens: no server runs on the data directory."""


class UnansweredError(AdminError):
    """The request may have reached the server, and no answer came: whether it was carried out is not known."""
