"""All messages of a conversation, given to the checks that they concern."""

from collections.abc import Sequence
from typing import Any

from finalex.terminal.doctor.findings import Finding, found
from finalex.terminal.doctor.streams import Check
from finalex.terminal.doctor.timing import Timing


class Listening:
    """Takes every message of a connection; one that a check cannot read is a finding, and no error."""

    def __init__(self, checks: Sequence[Check], timing: Timing) -> None:
        self.messages = 0
        self.publications = 0
        self._checks = {check.channel: check for check in checks}
        for channel in ("orders", "user_trades"):
            if "account" in self._checks:
                self._checks[channel] = self._checks["account"]
        self._timing = timing
        self._malformed: str | None = None

    def take(self, message: dict[str, Any], came_ns: int) -> None:
        """Take a message that came at `came_ns`."""
        self.messages += 1
        self._timing.take_message(message.get("timestamp"), came_ns)
        missing = [name for name in ("id", "type", "data", "timestamp") if name not in message]
        if missing:
            self._malformed = self._malformed or f"a message without '{missing[0]}'"
            return
        self.publications += "channel" in message
        check = self._checks.get(str(message.get("channel", "")))
        if check is not None:
            try:
                check.take(message)
            except (ValueError, TypeError, KeyError, ArithmeticError) as error:  # whatever a server may make up
                self._malformed = self._malformed or f"a message of type '{message['type']}': {error}"

    def findings(self, unreadable: int) -> list[Finding]:
        """Return what was seen, `unreadable` being the messages that are none."""
        seen = []
        for check in dict.fromkeys(self._checks.values()):
            seen += check.findings()
        wrong = f"{unreadable} messages are no JSON objects" if unreadable else self._malformed
        return [*seen, found("message format", wrong, f"{self.messages} messages, all well-formed")]
