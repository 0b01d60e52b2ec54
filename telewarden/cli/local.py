"""Commands of the command line alone: they start a warden, talk with a person, or need nobody."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from ..console.commands.model import Command
from ..errors import BadCommandError, ConfigError
from ..errors.root import counted
from .asking import as_typed, client_of, confirm, show, wait_for
from .place import config_path, place_of
from .progress import bar

ENDED_BADLY: Final = 1
NOT_STARTED: Final = 2


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: the command, its parameters, the configuration if one was named.

    ``yes`` says not to ask, ``root`` is the command line itself.
    """

    command: Command
    given: dict[str, Any]
    named: Path | None
    yes: bool
    as_json: bool
    root: Any

    @property
    def config(self) -> Path:
        """The configuration, given or found."""
        return config_path(self.named)


def run(typed: Typed) -> None:
    """Run the sessions until a signal."""
    from .run import run_warden

    code = asyncio.run(
        run_warden(typed.config, as_json=typed.as_json, verbose=typed.given["verbose"])
    )
    raise typer.Exit(code)


def init(typed: Typed) -> None:
    """Write a first configuration."""
    from .initial import write_configuration

    given = typed.given
    path = Path(given["path"]).expanduser().absolute()
    write_configuration(path, loopback=given["loopback"], example=given["example"])


def check(typed: Typed) -> None:
    """Say whether the configuration can be run."""
    from ..config import load_config
    from ..standalone.config_check import config_problems

    path = typed.config
    read = load_config(path)
    if problems := config_problems(read):
        if not typed.as_json:
            raise ConfigError(str(path), problems)
        typer.echo(json.dumps({"ok": False, "problems": problems}))
        raise typer.Exit(NOT_STARTED)
    facts = {"sessions": len(read.sessions), "pairs": len(read.pairs), "folder": str(read.folder)}
    if typed.as_json:
        typer.echo(json.dumps({"ok": True, **facts}))
    else:
        sessions = counted(len(read.sessions), "session")
        typer.echo(f"{path}: fine; {sessions}, {counted(len(read.pairs), 'pair')}")


def auth(typed: Typed) -> None:
    """Log a session in."""
    from .auth import log_in

    given = typed.given
    log_in(
        client_of(place_of(typed.config)),
        given["session"],
        qr=given["qr"],
        new_code=given["new_code"],
        code=given["code"],
    )


def wait(typed: Typed) -> None:
    """Wait until a warden answers."""
    place = place_of(typed.config)
    timeout = typed.given["timeout"]
    missed = wait_for(place, ready=typed.given["ready"], timeout=timeout)
    if missed:
        typer.echo(f"not ready within {timeout:g} s: {missed}", err=True)
        raise typer.Exit(ENDED_BADLY)


def top(typed: Typed) -> None:
    """Watch a running warden in the terminal."""
    client = client_of(place_of(typed.config))
    every = typed.command.parameter("every").read(typed.given["every"], command="top")
    if not sys.stdout.isatty():
        raise BadCommandError("top", "it needs a terminal; for a pipe there is: telewarden status")
    client.state()  # what is wrong is said before the terminal is taken
    try:
        from .top.app import Top
    except ImportError as missing:
        raise BadCommandError(
            "top", "it needs Textual; install it with: pip install 'telewarden[top]'"
        ) from missing
    Top(client, every=every).run()


def keygen(_typed: Typed) -> None:
    """Print a fresh master key."""
    from ..storage import MasterKey

    typer.echo(MasterKey.generate())


def token(_typed: Typed) -> None:
    """Print a fresh token and its hash."""
    fresh = secrets.token_urlsafe()
    typer.echo(f"token {fresh}")
    typer.echo(f"hash  sha256:{hashlib.sha256(fresh.encode()).hexdigest()}")


def database_restore(typed: Typed) -> None:
    """Put a copy in the database's place."""
    from ..service.database_backups import restore_database

    path = typed.config
    confirm(typed.command, typed.given, yes=typed.yes)
    with bar("database restore", wanted=not typed.as_json):
        kept = [str(one) for one in restore_database(path, typed.given["file"])]
    if typed.as_json:
        typer.echo(json.dumps({"replaced": kept}))
    else:
        typer.echo(f"restored; what was there is now {', '.join(kept) or 'nowhere: nothing was'}")


def store_copy(typed: Typed) -> None:
    """Copy the database to where another configuration has it."""
    from ..config import load_config
    from ..standalone.store_copy import copy_store

    source = load_config(typed.config)
    if typed.given["to"] is None:
        raise BadCommandError("store copy", "it needs the other configuration: --to OTHER.toml")
    target = Path(typed.given["to"])
    with bar("store copy", wanted=not typed.as_json):
        rows = copy_store(source, target)
    if typed.as_json:
        typer.echo(json.dumps({"rows": rows}))
    else:
        typer.echo(
            f"{counted(rows, 'row')} copied, and each is the same; start the warden with {target}"
        )


def identify(typed: Typed) -> None:
    """Say what a login of another program is; nothing is sent and nothing is changed."""
    from ..commands.moving import identified

    given = typed.command.read(as_typed(typed.command, typed.given))
    show(typed.command, identified(**given).model_dump(mode="json"), as_json=typed.as_json)


def migrate(typed: Typed) -> None:
    """Write another program's configuration as ours."""
    from .migrating import migrate as carry_out

    carry_out(typed.given, as_json=typed.as_json)


def mcp(typed: Typed) -> None:
    """Be an MCP server for the agent that has started this."""
    from .agents import serve

    serve(typed.config, typed.given)


def demo(typed: Typed) -> None:
    """Watch a supervised forwarder survive faults."""
    from ..demo import run_demo

    raise typer.Exit(
        asyncio.run(
            run_demo(**{**typed.given, "keep": _path(typed.given["keep"])}, as_json=typed.as_json)
        )
    )


def loopback_serve(typed: Typed) -> None:
    """Run a data centre."""
    from ..loopback.serve import serve

    paths = {name: _path(typed.given[name]) for name in ("pubkey", "state", "scenario")}
    raise typer.Exit(serve(**{**typed.given, **paths}))


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def completion(typed: Typed) -> None:
    """Print the script that completes commands."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    shell = typed.given["shell"]
    script = get_completion_script(
        prog_name="telewarden", complete_var="_TELEWARDEN_COMPLETE", shell=shell
    )
    typer.echo(script)


def help_(typed: Typed) -> None:
    """Show what a command does."""
    words = [*(typed.given["command"] or ()), "--help"]
    typed.root.main(words, prog_name="telewarden", standalone_mode=False)


HERE: Final[Mapping[str, Callable[[Typed], None]]] = {
    "auth": auth,
    "check": check,
    "completion": completion,
    "database restore": database_restore,
    "store copy": store_copy,
    "demo": demo,
    "help": help_,
    "identify": identify,
    "init": init,
    "keygen": keygen,
    "loopback serve": loopback_serve,
    "mcp": mcp,
    "migrate": migrate,
    "run": run,
    "token": token,
    "top": top,
    "wait": wait,
}
