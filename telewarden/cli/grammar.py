"""Typer commands made from the descriptions in ``console.commands``.

A command is built when it is asked for, so that one of sixty costs what one costs. A first word
that ends in ``.toml`` is the configuration, as ``--config`` is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, cast

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from ..console.commands.catalogue import beginning, headings, nearest, offered
from ..console.commands.model import Command, Danger, Surface
from ..console.commands.parameters import MANY, Kind, Parameter, flag, option

# Typer has a Click of its own, where this has no public name
UsageError: Final = cast("type[Exception]", typer.BadParameter.__bases__[0])

KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
NO_CONFIG: Final = frozenset(
    {"demo", "keygen", "loopback serve", "completion", "help", "init", "token"}
)
NO_JSON: Final = NO_CONFIG.difference({"demo"}).union({"auth", "wait"})

METAVARS: Final[dict[Kind, str]] = {
    Kind.TEXT: "TEXT",
    Kind.SECRET: "TEXT",
    Kind.NAME: "NAME",
    Kind.INTEGER: "NUMBER",
    Kind.CHOICE: "WORD",
    Kind.SPAN: "TIME",
    Kind.MOMENT: "WHEN",
    Kind.FIELDS: "KEY=VALUE",
    Kind.PATH: "PATH",
}
CONFIG: Final = option(
    "config",
    "The configuration; else TELEWARDEN_CONFIG, ./telewarden.toml or the user's own.",
    Kind.PATH,
    short="c",
)
YES: Final = flag("yes", "Do it without asking.", short="y")
JSON: Final = flag("json", "Print JSON, for programs.")

OWN: Final = ""  # stands for the command that is called as its group is

Carry = Callable[[Command, typer.Context, dict[str, Any]], object]


class Line(TyperCommand):
    """One command; takes a configuration as its first word, too."""

    described: Command

    def get_help_option(self, ctx: Any) -> Any:
        """The option that shows the help."""
        return _unread(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words, a configuration's path in the old place among them."""
        place = self._config_at(args)
        if place is not None and self.described.name not in NO_CONFIG:
            args = [*args[:place], *args[place + 1 :], "--config", args[place]]
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            wrong = getattr(error, "option_name", "")
            if not re.fullmatch(r"-\d", wrong or ""):
                raise
            word = next(one for one in typed if one.startswith(wrong))
        return ctx.fail(f"{word} is taken for an option; give a number without a minus.")  # type: ignore[no-any-return]

    def _config_at(self, args: Sequence[str]) -> int | None:
        """Where the first word that is no option and no option's value is, if it ends as one."""
        options = (one for one in _all(self.described) if one.option and one.kind is not Kind.FLAG)
        takes = {word for one in options for word in _words(one)}
        skip = False
        for place, word in enumerate(args):
            if skip:
                skip = False
            elif word.startswith("-") and len(word) > 1:
                skip = word in takes
            else:
                return place if word.endswith(".toml") else None
        return None

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        """What follows the command's name in its usage line."""
        places = [one for one in self.described.parameters if not one.option]
        return [
            "[OPTIONS]",
            *(_place(one) if one.required else f"[{_place(one)}]" for one in places),
        ]

    def format_options(self, _ctx: Any, formatter: Any) -> None:
        """List the parameters, with what may be given."""
        places = [one for one in self.described.parameters if not one.option]
        options = [one for one in _all(self.described) if one.option]
        rows = [(_usage(one), _said(one)) for one in options]
        for heading, found in (
            ("Arguments", [(_place(one), _said(one)) for one in places]),
            ("Options", [*rows, ("-h, --help", "Show this message and exit.")]),
        ):
            if found:
                with formatter.section(heading):
                    formatter.write_dl(found)


def _all(command: Command) -> tuple[Parameter, ...]:
    """Its own parameters, and those that the command line gives it."""
    return (
        *command.parameters,
        *command.line_options,
        *(() if command.name in NO_CONFIG else (CONFIG,)),
        *((YES,) if command.danger is Danger.HARMS else ()),
        *(() if command.name in NO_JSON else (JSON,)),
    )


def _words(one: Parameter) -> tuple[str, ...]:
    return (f"-{one.short}", one.long) if one.short else (one.long,)


def _place(one: Parameter) -> str:
    return one.metavar or one.name.upper()


def _usage(one: Parameter) -> str:
    words = ", ".join(_words(one))
    return words if one.kind is Kind.FLAG else f"{words} {one.metavar or METAVARS[one.kind]}"


def _said(one: Parameter) -> str:
    limits = f" {one.range[0].upper()}{one.range[1:]}." if one.range else ""
    is_told = one.kind is not Kind.FLAG and one.default not in (None, "", [], {})
    return one.help + limits + (f" By default {one.default}." if is_told else "")


class Group(TyperGroup):
    """Commands whose first words are the same; the root has all.

    Args:
        words: what they begin with.
        carry: carries one out.
    """

    def __init__(self, *, words: tuple[str, ...] = (), carry: Carry, **attrs: Any) -> None:
        attrs |= {"rich_markup_mode": None, "no_args_is_help": True}
        super().__init__(**attrs)
        for parameter in self.params:
            _unread(parameter)
        self._words, self._carry = words, carry

    @cached_property
    def _known(self) -> dict[str, list[Command]]:
        """All that may follow, by its next word."""
        known: dict[str, list[Command]] = {}
        here = beginning(self._words[0]) if self._words else offered(Surface.LINE)
        for one in here:
            is_below = one.words[:-1][: len(self._words)] == self._words
            if is_below and Surface.LINE in one.surfaces:
                known.setdefault(one.words[len(self._words)], []).append(one)
        return known

    def _that(self, word: str) -> list[Command]:
        """The commands that a word leads to; of the root's only those are looked at."""
        if self._words:
            return self._known.get(word, [])
        return [one for one in beginning(word) if Surface.LINE in one.surfaces]

    @cached_property
    def _own(self) -> Command | None:
        """The command that is called as this group is, where there is one."""
        here = beginning(self._words[0]) if self._words else ()
        return next((one for one in here if one.words == self._words), None)

    def get_help_option(self, ctx: Any) -> Any:
        """The option that shows the help."""
        return _unread(super().get_help_option(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; without one that follows, the command of the group's name is meant."""
        if self._own is not None and not set(args[:1]) & {*self._known, "-h", "--help"}:
            args = [OWN, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, _ctx: Any) -> list[str]:
        """The words that may follow."""
        return [word for word, found in self._known.items() if not all(one.hidden for one in found)]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """A command, or the group of those that begin with a word; built now."""
        if cmd_name == OWN and self._own is not None:
            return built(self._own, self._carry)
        found = self._that(cmd_name)
        if not found:
            return None
        words = (*self._words, cmd_name)
        if found[0].words == words and len(found) == 1:
            return built(found[0], self._carry)
        return Group(name=cmd_name, words=words, carry=self._carry, help=_summary(found))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; an unknown one is answered with the nearest."""
        word = args[0]
        if word == OWN or self._that(word) or word.startswith("-"):
            return super().resolve_command(ctx, args)
        shown = dict.fromkeys(self.list_commands(ctx))
        near = [one.name for one in offered(Surface.LINE) if word in one.words[1:]]
        near = near or [" ".join((*self._words, one)) for one in nearest(word, shown)]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        return ctx.fail(f"No such command {' '.join((*self._words, word))!r}.{hint}")

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """List the commands under the headings of their descriptions."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for word, found in self._known.items():
            shown = [one for one in found if not one.hidden]
            if shown:
                is_one = shown[0].words == (*self._words, word)
                groups.setdefault(shown[0].group, []).append(
                    (word, shown[0].help if is_one else _summary(shown))
                )
        for heading in headings():
            if heading in groups:
                with formatter.section(heading):
                    formatter.write_dl(groups[heading])


def _summary(commands: Sequence[Command]) -> str:
    if len(commands[0].words) < len(commands[-1].words):  # the group's own
        return commands[0].help
    last = [one.words[-1] for one in commands if not one.hidden]
    return f"{', '.join(last)}."


def built(command: Command, carry: Carry) -> Line:
    """One command as Typer has it; values stay the texts that were typed."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    said = f"{command.help}\n\n{command.more}".strip()
    settings = {"help_option_names": ["-h", "--help"]}
    register = app.command(command.words[-1], cls=Line, help=said, context_settings=settings)
    register(_function(command, carry))
    line: Any = typer.main.get_command(app)
    line.described = command
    for one in line.params:
        _unread(one)
    return line  # type: ignore[no-any-return]  # made with cls=Line


def _unread(parameter: Any) -> Any:
    """Leave a parameter's texts to the description; Typer would import pydantic to read them."""

    def process(ctx: Any, value: Any) -> Any:
        return value if parameter.callback is None else parameter.callback(ctx, parameter, value)

    if parameter is not None:
        parameter.process_value = process
    return parameter


def _function(command: Command, carry: Carry) -> Callable[..., None]:
    """A function with the parameters that the description has."""

    def work(ctx: typer.Context, **given: Any) -> None:
        carry(command, ctx, given)

    context = inspect.Parameter("ctx", KEYWORD, annotation=typer.Context)
    parameters = [context, *map(_parameter, _all(command))]
    work.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect has it
    work.__annotations__ = {one.name: one.annotation for one in parameters}
    return work


def _parameter(one: Parameter) -> inspect.Parameter:
    info: Any = typer.Option(*_words(one)) if one.option else typer.Argument()
    is_flag = one.kind is Kind.FLAG
    kind: Any = bool if is_flag else list[str] if one.kind in MANY else str
    return inspect.Parameter(
        one.name,
        KEYWORD,
        default=False if is_flag else None,
        annotation=Annotated[kind if is_flag else kind | None, info],
    )
