"""What all sessions of a gateway share."""

import msgspec

from finalex.channels.hub import Hub
from finalex.session.auth import Authenticator
from finalex.session.limits import Limits
from finalex.session.order_rates import OrderRates
from finalex.session.seats import Seats


class Desk(msgspec.Struct, frozen=True):
    """The views to read, who may come in, what a connection or account may ask for, how often heartbeats come."""

    hub: Hub
    authenticator: Authenticator
    limits: Limits
    heartbeat_interval_ms: int = 5000
    order_rates: OrderRates = msgspec.field(default_factory=OrderRates)
    seats: Seats = msgspec.field(default_factory=Seats)
