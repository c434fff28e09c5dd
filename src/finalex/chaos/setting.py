"""The setting `chaos`: a profile, or none."""

from dataclasses import dataclass

from finalex.chaos.profiles import KEYS, PROFILES, Profile, ProfileError, parse_profile
from finalex.settings.kinds import Kind, WrongValueError

OFF = "off"


@dataclass(frozen=True)
class ChaosSetting:
    """A profile, and the text that it was given as."""

    text: str
    profile: Profile


class Chaos(Kind[ChaosSetting | None]):
    """A profile by its name, tuned or not; `None`, written `off`, for none."""

    allowed = f"off or one of {', '.join(PROFILES)}, tuned as in flaky:messages=50,reset=1 by {', '.join(KEYS)}"

    def parse(self, text: str) -> ChaosSetting | None:
        """See `Kind.parse`."""
        if text == OFF:
            return None
        try:
            return ChaosSetting(text, parse_profile(text))
        except ProfileError as error:
            raise WrongValueError(reason=str(error)) from None

    def show(self, value: ChaosSetting | None) -> str:
        """See `Kind.show`."""
        return OFF if value is None else value.text
