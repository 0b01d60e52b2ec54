"""Typer commands made from the descriptions in ``console.commands``.

A command is built when it is asked for, so that one of sixty costs what one costs. A first word
that ends in ``.toml`` is the configuration, as ``--config`` is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from ..console.commands.catalogue import GROUPS, nearest, offered
from ..console.commands.model import Command, Danger, Surface
from ..console.commands.parameters import Kind, Parameter

TYPES: Final[dict[Kind, Any]] = {
    Kind.INTEGER: int,
    Kind.FLAG: bool,
    Kind.FIELDS: list[str],
    Kind.INTEGERS: list[int],
    Kind.WORDS: list[str],
    Kind.PATH: Path,
}
KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
MANY: Final = frozenset({Kind.FIELDS, Kind.INTEGERS, Kind.WORDS})
NO_CONFIG: Final = frozenset({"demo", "keygen", "loopback serve", "completion", "help", "init"})

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

Carry = Callable[[Command, typer.Context, dict[str, Any]], object]


class Line(TyperCommand):
    """One command; takes a configuration as its first word, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words, a configuration's path in the old place among them."""
        place = self._config_at(args)
        if place is not None and any(one.name == "config" for one in self.params):
            args = [*args[:place], *args[place + 1 :], "--config", args[place]]
        return super().parse_args(ctx, args)

    def _config_at(self, args: Sequence[str]) -> int | None:
        """Where the first word that is no option and no option's value is, if it ends as one."""
        takes = {name for one in self.params if not _is_flag(one) for name in one.opts}
        skip = False
        for place, word in enumerate(args):
            if skip:
                skip = False
            elif word.startswith("-") and len(word) > 1:
                skip = word in takes
            else:
                return place if word.endswith(".toml") else None
        return None


def _is_flag(parameter: Any) -> bool:
    return bool(getattr(parameter, "is_flag", False)) or parameter.param_type_name == "argument"


class Group(TyperGroup):
    """Commands whose first words are the same; the root has all.

    Args:
        words: what they begin with.
        carry: carries one out.
    """

    def __init__(self, *, words: tuple[str, ...] = (), carry: Carry, **attrs: Any) -> None:
        attrs |= {"rich_markup_mode": None, "no_args_is_help": True}
        super().__init__(**attrs)
        self._words, self._carry = words, carry
        self._known: dict[str, list[Command]] = {}
        for one in offered(Surface.LINE):
            if one.words[: len(words)] == words:
                self._known.setdefault(one.words[len(words)], []).append(one)

    def list_commands(self, _ctx: Any) -> list[str]:
        """The words that may follow."""
        return [word for word, found in self._known.items() if not all(one.hidden for one in found)]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """A command, or the group of those that begin with a word; built now."""
        found = self._known.get(cmd_name)
        if found is None:
            return None
        words = (*self._words, cmd_name)
        if found[0].words == words:
            return built(found[0], self._carry)
        return Group(name=cmd_name, words=words, carry=self._carry, help=_summary(found))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; an unknown one is answered with the nearest."""
        word = args[0]
        if word in self._known or word.startswith("-"):
            return super().resolve_command(ctx, args)
        shown = dict.fromkeys(self.list_commands(ctx))
        near = [" ".join((*self._words, one)) for one in nearest(word, shown)]
        near = near or [one.name for one in offered(Surface.LINE) if word in one.words]
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
        for heading in GROUPS:
            if heading in groups:
                with formatter.section(heading):
                    formatter.write_dl(groups[heading])


def _summary(commands: Sequence[Command]) -> str:
    last = [one.words[-1] for one in commands if not one.hidden]
    return f"{', '.join(last)}."


def built(command: Command, carry: Carry) -> Any:
    """One command as Typer has it."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    said = f"{command.help}\n\n{command.more}".strip()
    settings = {"help_option_names": ["-h", "--help"]}
    register = app.command(command.words[-1], cls=Line, help=said, context_settings=settings)
    register(_function(command, carry))
    return typer.main.get_command(app)


def _function(command: Command, carry: Carry) -> Callable[..., None]:
    """A function with the parameters that the description has."""

    def work(ctx: typer.Context, **given: Any) -> None:
        carry(command, ctx, given)

    context = inspect.Parameter("ctx", KEYWORD, annotation=typer.Context)
    parameters = [context]
    parameters += [_described(one) for one in (*command.parameters, *command.line_options)]
    parameters += [_option(name, *more) for name, *more in _common(command)]
    work.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect has it
    work.__annotations__ = {one.name: one.annotation for one in parameters}
    return work


def _common(command: Command) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    if command.name not in NO_CONFIG:
        said = "The configuration; else TELEWARDEN_CONFIG, ./telewarden.toml or the user's own."
        found.append(("config", Path | None, None, ("--config", "-c"), said))
    if command.danger is Danger.HARMS:
        found.append(("yes", bool, False, ("--yes", "-y"), "Do it without asking."))
    if command.name not in {"keygen", "completion", "help", "init", "loopback serve"}:
        found.append(("as_json", bool, False, ("--json",), "Print JSON, for programs."))
    return found


def _option(
    name: str, kind: Any, default: Any, words: tuple[str, ...], said: str
) -> inspect.Parameter:
    annotation = Annotated[
        kind, typer.Option(*words, help=said, show_default=False, metavar=_metavar(kind))
    ]
    return inspect.Parameter(name, KEYWORD, default=default, annotation=annotation)


def _metavar(kind: Any) -> str | None:
    return None if kind is bool else METAVARS[Kind.PATH]


def _described(one: Parameter) -> inspect.Parameter:
    kind: Any = TYPES.get(one.kind, str)
    limits = {"min": one.least, "max": one.most} if one.kind is Kind.INTEGER else {}
    said = f"{one.help} {', '.join(one.choices)}." if one.choices else one.help
    more: dict[str, Any] = {
        "help": said,
        **limits,
        "metavar": one.metavar or METAVARS.get(one.kind),
    }
    shows = one.kind is not Kind.FLAG and one.default not in (None, "", [], {})
    if one.option:
        words = [f"--{one.name.replace('_', '-')}", *([f"-{one.short}"] if one.short else ())]
        info: Any = typer.Option(*words, show_default=shows, **more)
    else:
        info = typer.Argument(show_default=shows, **more)
    if one.required:
        default: Any = inspect.Parameter.empty
    else:
        default = None if one.kind in MANY else one.default
        kind = kind if one.kind is Kind.FLAG else kind | None
    annotation = Annotated[kind, info]
    return inspect.Parameter(one.name, KEYWORD, default=default, annotation=annotation)
