"""What all sessions of a gateway share."""

import msgspec

from finalex.channels.hub import Hub
from finalex.session.auth import Authenticator
from finalex.session.limits import Limits


class Desk(msgspec.Struct, frozen=True):
    """The views to read, who may come in, what one connection may ask for, and how often it hears a heartbeat."""

    hub: Hub
    authenticator: Authenticator
    limits: Limits
    heartbeat_interval_ms: int = 5000
