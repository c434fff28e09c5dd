"""What all sessions of a gateway share."""

import msgspec

from finalex.channels.hub import Hub
from finalex.session.auth import Authenticator
from finalex.session.limits import Limits


class Desk(msgspec.Struct, frozen=True):
    """The views to read, who may come in, and what one connection may ask for."""

    hub: Hub
    authenticator: Authenticator
    limits: Limits
