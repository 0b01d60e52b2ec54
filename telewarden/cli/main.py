"""The command line: ``telewarden run``, ``demo``, ``status``, ``pairs list`` and more.

Owns which words are read and exit codes. What the commands are called and take is described in
``console.commands``; Telethon and the rooms are imported by the command that needs them, so that
``telewarden --help`` answers at once.

Exit codes: 0 done; 1 it was begun and did not go well, or what was looked at is not well; 2 nothing
was done (a wrong configuration, no warden, a port in use, a refusal); 70 actors that would not stop
were abandoned.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from .._version import __version__
from ..console.commands.model import Command, Needs
from ..errors import BadCommandError, TelewardenError
from .complaint import complain, say_as_json
from .grammar import Group, UsageError

NOT_STARTED: Final = 2
COMPLETE: Final = "_TELEWARDEN_COMPLETE"  # what a shell sets that asks what may follow


def main() -> None:
    """Run the command line; errors of ours become one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a terminal need not know every sign
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if COMPLETE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    try:
        app(prog_name="telewarden")
    except TelewardenError as exc:
        complain(exc, as_json="--json" in sys.argv[1:])
        sys.exit(NOT_STARTED)


def carry_out(command: Command, ctx: typer.Context, given: dict[str, Any]) -> None:
    """Do what was typed."""
    config = given.pop("config", None) or ctx.find_root().params.get("config")
    yes, as_json = given.pop("yes", False), given.pop("json", False)
    if config is not None and str(config) in {"", "."}:  # no file's name, and Path("") is a folder
        raise BadCommandError(command.name, f"config is {str(config)!r}; give the path of a file")
    named = None if config is None else Path(config)
    if command.needs is Needs.NOTHING or not command.result:
        from .local import HERE, Typed

        root = ctx.find_root().command
        read = command.read(given)
        HERE[command.name](Typed(command, read, named, yes=yes, as_json=as_json, root=root))
        return
    from . import asking
    from .place import config_path, place_of

    place = place_of(config_path(named))
    if given.pop("follow", False):
        follow = asking.follow_events if command.name == "events" else asking.follow_backfill
        follow(place, command, given, as_json=as_json)
    else:
        asking.carry_out(command, given, place, as_json=as_json, yes=yes)


class Root(Group):
    """All commands."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(carry=carry_out, **attrs)

    def make_context(self, *args: Any, **how: Any) -> Any:
        """Read the words before the command."""
        with _usage_as_json():
            return super().make_context(*args, **how)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's own words, and carry it out."""
        with _usage_as_json():
            return super().invoke(ctx)


@contextlib.contextmanager
def _usage_as_json() -> Iterator[None]:
    """Tell programs, too, of words that cannot be read."""
    try:
        yield
    except UsageError as error:
        if "--json" in sys.argv[1:]:
            say_as_json("UsageError", str(getattr(error, "message", error)))
        raise


app = typer.Typer(
    name="telewarden",
    cls=Root,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"telewarden {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="PATH", help="The configuration, for whatever follows."
        ),
    ] = None,
    _: Annotated[
        bool,
        typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keeps Telegram sessions alive: supervised, recovered, watched."""
