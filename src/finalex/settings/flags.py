"""The flags of a command, made from the declarations of settings."""

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter

from finalex.settings.declaration import Setting
from finalex.settings.kinds import Switch

CommandT = TypeVar("CommandT", bound=Callable[..., int])


def with_flags(settings: Iterable[Setting]) -> Callable[[CommandT], CommandT]:
    """Give a command, in place of its `**flags`, one flag for every one of `settings` that may have one.

    In `flags` arrives what was given: the text as it was written, or a bool for a switch.
    """
    annotations = {setting.name: _annotation(setting) for setting in settings if setting.flag}

    def add_flags(command: CommandT) -> CommandT:
        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        added = [_keyword(name, annotation) for name, annotation in annotations.items()]
        command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        command.__annotations__ |= annotations
        return command

    return add_flags


def _keyword(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _annotation(setting: Setting) -> Any:
    default = setting.default_text.replace("`", "")
    note = f"{setting.description} [{setting.kind.allowed}; default: {default}]"
    value_type = bool if isinstance(setting.kind, Switch) else str
    return Annotated[value_type, Parameter(name=setting.flag, help=note, show_default=False)]
