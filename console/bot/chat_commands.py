"""Commands as they are typed into a chat: their names there, and how a line is read. Pure.

All of them are made from ``console.commands``; some have another name in a chat as well. The bot's
own are ``/start``, ``/help``, ``/authenticate`` and ``/alerts``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final

from ...errors import BadCommandError
from ..commands.catalogue import find as find_command
from ..commands.catalogue import offered
from ..commands.model import Command, Danger, Surface
from ..commands.parameters import Kind, Parameter

OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "registersession": "register",
        "sessionstatus": "status",
        "sessionhealth": "test",
        "changesession": "reassign",
        "deletesession": "delete",
        "optimalsession": "optimal",
        "workerstatus": "workers",
        "pause": "pairs pause",
        "resume": "pairs resume",
        "why": "pairs why",
    }
)
"""What a command is called in a chat, besides its own name."""

OWN: Final[Mapping[str, tuple[str, Danger]]] = MappingProxyType(
    {
        "start": ("Say hello, with buttons.", Danger.LOOKS),
        "help": ("List the commands, or tell one of them whole.", Danger.LOOKS),
        "authenticate": ("Begin a login, to be finished at the terminal.", Danger.CHANGES),
        "alerts": ("Show what is firing, and switch alerts on or off here.", Danger.LOOKS),
    }
)

MENU: Final = (
    "status",
    "alerts",
    "sessionstatus",
    "sessionhealth",
    "recover",
    "why",
    "pause",
    "resume",
    "workerstatus",
    "optimalsession",
    "changesession",
    "registersession",
    "authenticate",
    "logout",
    "deletesession",
    "help",
)
"""What the menu beside the text field shows, in this order."""

REASON: Final = "reason"
REST_OF_LINE: Final = frozenset({Kind.TEXT, Kind.FIELDS, Kind.INTEGERS, Kind.WORDS})
PHONE_MARKS: Final = str.maketrans(
    {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u2014": "--"}
)
"""What the keyboards of telephones make of quotes and of two dashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCommand:
    """A command by its name in a chat; ``command`` is ``None`` for what the bot alone has."""

    name: str
    help: str
    danger: Danger
    command: Command | None = None

    @property
    def usage(self) -> str:
        """How it is typed."""
        if self.command is None:
            return f"/{self.name}" + (" SESSION" if self.name == "authenticate" else "")
        return " ".join((f"/{self.name}", *map(_usage, self.command.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A command as somebody typed it."""

    name: str
    words: tuple[str, ...]


def _all() -> dict[str, ChatCommand]:
    names = {one.name.replace(" ", "_").replace("-", "_"): one for one in offered(Surface.BOT)}
    names |= {name: find_command(command) for name, command in OTHER_NAMES.items()}
    made = {
        name: ChatCommand(name=name, help=one.help, danger=one.danger, command=one)
        for name, one in names.items()
    }
    own = {
        name: ChatCommand(name=name, help=told, danger=danger, command=names.get(name))
        for name, (told, danger) in OWN.items()
    }
    return made | own  # /alerts has switches for this chat, too


CHAT_COMMANDS: Final[Mapping[str, ChatCommand]] = MappingProxyType(_all())
"""All commands, by their names in a chat."""


def read_line(text: str) -> Line | None:
    """A line that begins with a slash; ``None`` for anything else.

    What follows an @ in a command's name is the bot's own name, which some clients add.
    """
    text = text.strip().translate(PHONE_MARKS)
    if not text.startswith("/"):
        return None
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is not closed
        words = text.split()
    name = words[0].removeprefix("/").partition("@")[0].lower()
    return Line(name=name, words=tuple(words[1:]))


def find(name: str) -> ChatCommand:
    """The command of that name.

    Raises:
        BadCommandError: there is none; with the nearest names.
    """
    found = CHAT_COMMANDS.get(name)
    if found is not None:
        return found
    near = get_close_matches(name, list(CHAT_COMMANDS), n=3)
    hint = f"did you mean {', '.join(f'/{one}' for one in near)}?" if near else "see /help"
    raise BadCommandError(f"/{name}", f"there is no such command; {hint}")


def given_in(command: Command, words: Sequence[str]) -> dict[str, Any]:
    """The parameters that the words behind a command's name give, not yet checked.

    ``--name value`` or ``name=value`` names one, ``--flag`` switches one on; the others are taken
    in their order, and the last of them takes the rest of the line.

    Raises:
        BadCommandError: there is no such parameter, or nothing takes a word.
    """
    given: dict[str, Any] = {}
    places = [one for one in command.parameters if _has_place(one)]
    left = list(words)
    while left:
        word = left.pop(0)
        named = _named(command, word, left)
        if named is not None:
            given |= named
        elif not places:
            raise BadCommandError(command.name, f"{word!r} is too much; it takes no more words")
        elif len(places) == 1 and places[0].kind in REST_OF_LINE:
            given[places[0].name] = _rest(places[0], [*_so_far(given, places[0]), word])
        else:
            given[places.pop(0).name] = word
    return given


def missing(command: Command, given: Mapping[str, Any]) -> Parameter | None:
    """The first parameter that must be given and is not."""
    return next((one for one in command.parameters if one.required and one.name not in given), None)


def _has_place(parameter: Parameter) -> bool:
    """Whether it is taken by its place; in a chat a reason is, too: the rest of the line."""
    return not parameter.option or parameter.name == REASON


def _named(command: Command, word: str, left: list[str]) -> dict[str, Any] | None:
    """The parameter that a word names, with its value, which may be the next word."""
    dashed = word.startswith("--") and len(word) > len("--")
    name, equals, value = word.removeprefix("--").partition("=")
    name = name.replace("-", "_")
    known = {one.name: one for one in command.parameters if one.option}
    if not dashed and not (equals and name in known):
        return None
    parameter = known.get(name) or command.parameter(name)
    if parameter.kind is Kind.FLAG:
        return {parameter.name: value if equals else True}
    if not equals:
        if not left:
            raise BadCommandError(command.name, f"--{name} wants a value behind it")
        value = left.pop(0)
    return {parameter.name: value}


def _so_far(given: Mapping[str, Any], parameter: Parameter) -> list[str]:
    before = given.get(parameter.name)
    return [] if before is None else before.split() if isinstance(before, str) else list(before)


def _rest(parameter: Parameter, words: list[str]) -> Any:
    return " ".join(words) if parameter.kind is Kind.TEXT else words


def _usage(parameter: Parameter) -> str:
    shown = parameter.metavar or parameter.name.upper()
    if _has_place(parameter):
        return shown if parameter.required else f"[{shown}]"
    dashed = f"--{parameter.name.replace('_', '-')}"
    return f"[{dashed}]" if parameter.kind is Kind.FLAG else f"[{dashed} {shown}]"
