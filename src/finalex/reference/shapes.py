"""The shapes of `data` that the session builds without a struct of its own."""

from msgspec import UNSET, UnsetType

from finalex.protocol.messages import Data, ErrorData


class SubscriptionData(Data, frozen=True, kw_only=True):
    """A subscription in the form in which it can be sent again."""

    channel: str
    symbol: str | UnsetType = UNSET
    depth: int | UnsetType = UNSET
    interval: str | UnsetType = UNSET


class SubscribedData(SubscriptionData, frozen=True, kw_only=True):
    """What was subscribed or unsubscribed, and how many more subscriptions of its kind there may be."""

    resumed: bool | UnsetType = UNSET
    subscriptions_remaining: int


class ResultData(Data, frozen=True, kw_only=True):
    """What became of one item of a list: the same as for a single one, or its `error`."""

    channel: str | UnsetType = UNSET
    symbol: str | UnsetType | None = UNSET
    depth: int | UnsetType = UNSET
    interval: str | UnsetType = UNSET
    resumed: bool | UnsetType = UNSET
    subscriptions_remaining: int | UnsetType = UNSET
    error: ErrorData | UnsetType = UNSET


class ResultsData(Data, frozen=True, kw_only=True):
    """The results of a list, one for each item in the same order."""

    results: list[ResultData]


class SubscriptionsData(Data, frozen=True, kw_only=True):
    """All subscriptions of a connection, each as it could be sent again."""

    subscriptions: list[SubscriptionData]


class BeatData(SubscriptionData, frozen=True, kw_only=True):
    """What was sent last of one subscription; `null` where there was nothing yet."""

    last_id: str | None
    sequence: int | UnsetType | None = UNSET
    last_event_time: int | None


class HeartbeatData(Data, frozen=True, kw_only=True):
    """The last message of each of a connection's subscriptions, and the market's clock."""

    subscriptions: list[BeatData]
    timestamp: int
