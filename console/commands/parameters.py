"""Parameters of commands: what they are called, and how a value is read.

A value comes as JSON has it, or as a text that somebody typed; both are read by the same rules.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from ...errors import BadCommandError
from ...errors.root import shown

SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)?", re.IGNORECASE)
SECONDS: Final[Mapping[str, float]] = {
    "": 1.0,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}
A_DATE: Final = "a date, as 2026-01-31 or 2026-01-31T12:00"
LONGEST_TEXT: Final = 4096  # characters
LONGEST_SPAN: Final = 10 * 365.25 * 86_400  # seconds, of what is typed; programs have no end


class Kind(StrEnum):
    """How a value is read."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - the kind's name; never shown, never in a chat
    NAME = "name"  # of a session
    INTEGER = "integer"
    FLAG = "flag"
    CHOICE = "choice"
    SPAN = "span"  # 90, 90s, 5min, 2h, 1d: seconds
    MOMENT = "moment"  # epoch seconds, 2026-01-31, 2026-01-31T12:00, or a span ago
    FIELDS = "fields"  # KEY=VALUE, as TOML has the value
    INTEGERS = "integers"
    PATH = "path"  # the command line makes it absolute
    WORDS = "words"


MANY: Final = frozenset({Kind.FIELDS, Kind.INTEGERS, Kind.WORDS})  # words on a command line


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a command.

    Args:
        name: what HTTP calls it; the command line's option has dashes.
        help: one line.
        kind: how its value is read.
        default: the value when none is given.
        required: whether there must be one.
        option: whether the command line takes it by ``--name``; otherwise by its place.
        least, most: the range of a number.
        choices: what may be chosen.
        metavar: what stands for it in a usage line.
        short: a letter for the command line.
        word: what its option is called, where that is not its name.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    default: Any = None
    required: bool = False
    option: bool = True
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    short: str = ""
    word: str = ""

    def read(self, value: object, *, command: str) -> Any:
        """Its value.

        Raises:
            BadCommandError: it cannot be used, or is missing.
        """
        if value is None or value == ():  # the command line's word for none of many
            if self.required:
                raise BadCommandError(command, f"{self.name} is missing; give it: {self.help}")
            return self.default
        if not self.required and type(value) is type(self.default) and value == self.default:
            return value  # as a command line hands it on
        try:
            return READERS[self.kind](self, value)
        except _Unfit as unfit:
            told = "not shown" if self.kind is Kind.SECRET else shown(_as_typed(self.kind, value))
            typed = f" ({self.long})" if self.word else ""
            raise BadCommandError(command, f"{self.name}{typed} is {told}; give {unfit}") from None

    @property
    def long(self) -> str:
        """Its option on the command line."""
        return f"--{self.word or self.name.replace('_', '-')}"

    @property
    def range(self) -> str:
        """What may be given, in words; empty for any."""
        if self.choices:
            return ", ".join(self.choices)
        match self.least, self.most:
            case None, None:
                return ""
            case least, None:
                return f"{least} or more"
            case None, most:
                return f"{most} at most"
            case least, most:
                return f"{least} to {most}"


def argument(name: str, help: str, kind: Kind = Kind.TEXT, **more: Any) -> Parameter:  # noqa: A002
    """A parameter that must be given, by its place."""
    return Parameter(name=name, help=help, kind=kind, **{"required": True, "option": False, **more})


def option(name: str, help: str, kind: Kind = Kind.TEXT, **more: Any) -> Parameter:  # noqa: A002
    """A parameter that may be given, by its name."""
    return Parameter(name=name, help=help, kind=kind, **more)


def flag(name: str, help: str, **more: Any) -> Parameter:  # noqa: A002
    """A parameter that is on when it is named."""
    return Parameter(name=name, help=help, kind=Kind.FLAG, **{"default": False, **more})


class _Unfit(Exception):  # noqa: N818 - never leaves this module
    """A value cannot be used; what to give instead."""


def _as_typed(kind: Kind, value: object) -> object:
    """Words of a command line as one text; anything else as it is."""
    if kind not in MANY or not isinstance(value, list | tuple):
        return value
    return " ".join(value) if all(isinstance(one, str) for one in value) else value


def _text(_: Parameter, value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _Unfit("a text")
    if len(value) > LONGEST_TEXT:
        raise _Unfit(f"{LONGEST_TEXT} characters at most")
    return value


def _path(parameter: Parameter, value: object) -> str:
    if not value:
        raise _Unfit("a path")
    return _text(parameter, value)


def _integer(parameter: Parameter, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,19}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Unfit(parameter.range or "a whole number")
    low, high = parameter.least, parameter.most
    if (low is not None and value < low) or (high is not None and value > high):
        raise _Unfit(parameter.range)
    return value


def _flag(_: Parameter, value: object) -> bool:
    if isinstance(value, str) and value.lower() in {"yes", "true", "no", "false"}:
        return value.lower() in {"yes", "true"}
    if not isinstance(value, bool):
        raise _Unfit("yes or no")
    return value


def _choice(parameter: Parameter, value: object) -> str:
    if value not in parameter.choices:
        raise _Unfit(parameter.range)
    return str(value)


def _span(parameter: Parameter, value: object) -> float:
    seconds = -1.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (found := SPAN.fullmatch(value.strip())):
        seconds = float(found[1]) * SECONDS[(found[2] or "").lower()]
    least = parameter.least or 0
    longest = LONGEST_SPAN if isinstance(value, str) else sys.float_info.max
    if not least <= seconds <= longest:
        bound = f", {least} s or more" if least else ""
        bound += " and within ten years" if longest < seconds < math.inf else ""
        raise _Unfit(f"seconds, or a time as 90s, 5min, 2h or 1d{bound}")
    return seconds


def _moment(parameter: Parameter, value: object) -> float:
    from datetime import UTC, datetime  # not before it is needed: help is to come at once

    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    try:
        ago = _span(parameter, value)
    except _Unfit:
        raise _Unfit(f"{A_DATE}, or how long ago, as 2h") from None
    return datetime.now(UTC).timestamp() - ago


def _fields(_: Parameter, value: object) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise _Unfit("KEY=VALUE, once or more")
    fields: dict[str, Any] = {}
    for one in value:
        key, equals, text = str(one).partition("=")
        if not equals or not key:
            raise _Unfit("KEY=VALUE, once or more")
        fields[key] = _toml(text)
    return fields


def _toml(text: str) -> Any:
    """A value as TOML reads it; a bare word is text."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _integers(parameter: Parameter, value: object) -> list[int]:
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if not isinstance(value, list | tuple):
        raise _Unfit("whole numbers")
    return [_integer(parameter, one) for one in value]


def _words(_: Parameter, value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise _Unfit("words")
    return list(value)


READERS: Final[Mapping[Kind, Callable[[Parameter, object], Any]]] = {
    Kind.TEXT: _text,
    Kind.SECRET: _text,
    Kind.NAME: _text,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
    Kind.CHOICE: _choice,
    Kind.SPAN: _span,
    Kind.MOMENT: _moment,
    Kind.FIELDS: _fields,
    Kind.INTEGERS: _integers,
    Kind.PATH: _path,
    Kind.WORDS: _words,
}
