"""Commands of the command line alone: they start a warden, talk with a person, or need nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import typer

from ..console.client import ControlClient
from ..console.commands.model import Command
from ..errors import BadCommandError, CommandFailedError, ConfigError
from .asking import client_of, confirm, wait_for
from .main import app, complain
from .place import config_path, place_of

ENDED_BADLY: Final = 1
NOT_STARTED: Final = 2
AWAITING: Final = frozenset({"awaiting_code", "awaiting_password"})

Given = dict[str, Any]


def run(_command: Command, given: Given, config: Path | None, _yes: bool) -> None:
    """Run the sessions until a signal."""
    from .run import run_warden

    code = asyncio.run(
        run_warden(config_path(config), as_json=given["as_json"], verbose=given["verbose"])
    )
    raise typer.Exit(code)


def check(_command: Command, given: Given, config: Path | None, _yes: bool) -> None:
    """Say whether the configuration can be run."""
    from ..config import load_config
    from ..standalone.config_check import config_problems

    path = config_path(config)
    read = load_config(path)
    if problems := config_problems(read):
        if not given["as_json"]:
            raise ConfigError(str(path), problems)
        typer.echo(json.dumps({"ok": False, "problems": problems}))
        raise typer.Exit(NOT_STARTED)
    facts = {"sessions": len(read.sessions), "pairs": len(read.pairs), "folder": str(read.folder)}
    if given["as_json"]:
        typer.echo(json.dumps({"ok": True, **facts}))
    else:
        typer.echo(f"{path}: fine; {facts['sessions']} sessions, {facts['pairs']} pairs")


def auth(_command: Command, given: Given, config: Path | None, _yes: bool) -> None:
    """Ask for what a login waits for until it is done or has ended."""
    session, code = given["session"], given["code"]
    client = client_of(place_of(config_path(config)))
    phase = client.phase(session)
    if code is not None and phase != "awaiting_code":
        raise BadCommandError("auth", f"{session} waits for no code; it is {phase}")
    if given["new_code"] or phase not in AWAITING:
        phase = client.login(session, "start")
    elif code is None:
        typer.echo(f"{session}: a login is under way; --new-code begins another")
    if phase == "online":
        typer.echo(f"{session} is online already")
        return
    while phase in AWAITING:
        phase = _login_step(client, session, phase, code)
        code = None
    if phase in {"needs_login", "quarantined", "stopped"}:
        typer.echo(f"{session} is not logged in; the login has ended: {phase}", err=True)
        raise typer.Exit(ENDED_BADLY)
    typer.echo(f"{session} is logged in")


def _login_step(client: ControlClient, session: str, phase: str, code: str | None) -> str:
    """Hand in what the login waits for; returns the phase that follows."""
    step = phase.removeprefix("awaiting_")
    asked = "login code" if step == "code" else "cloud password"
    secret = code or typer.prompt(f"{session}: {asked}", hide_input=step == "password")
    try:
        return client.login(session, step, secret)
    except CommandFailedError as exc:
        complain(exc)
        if code is not None:
            raise typer.Exit(ENDED_BADLY) from exc
        return client.phase(session)  # a login ends after three that are wrong


def wait(_command: Command, given: Given, config: Path | None, _yes: bool) -> None:
    """Wait until a warden answers."""
    place = place_of(config_path(config))
    timeout = _command.parameter("timeout").read(given["timeout"], command="wait")
    if not wait_for(place, ready=given["ready"], timeout=timeout):
        typer.echo(f"not ready within {timeout:g} s", err=True)
        raise typer.Exit(ENDED_BADLY)


def keygen(_command: Command, _given: Given, _config: Path | None, _yes: bool) -> None:
    """Print a fresh master key."""
    from ..storage import MasterKey

    typer.echo(MasterKey.generate())


def database_restore(command: Command, given: Given, config: Path | None, yes: bool) -> None:
    """Put a copy in the database's place."""
    from ..service.database_backups import restore_database

    path = config_path(config)
    confirm(command, given, yes=yes)
    kept = [str(one) for one in restore_database(path, given["file"])]
    if given["as_json"]:
        typer.echo(json.dumps({"replaced": kept}))
    else:
        typer.echo(f"restored; what was there is now {', '.join(kept) or 'nowhere: nothing was'}")


def demo(_command: Command, given: Given, _config: Path | None, _yes: bool) -> None:
    """Watch a supervised forwarder survive faults."""
    from ..demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(**given)))


def loopback_serve(_command: Command, given: Given, _config: Path | None, _yes: bool) -> None:
    """Run a data centre."""
    from ..loopback.serve import serve

    given["pubkey"] = Path(given["pubkey"])
    raise typer.Exit(serve(**given))


def completion(_command: Command, given: Given, _config: Path | None, _yes: bool) -> None:
    """Print the script that completes commands."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    shell = _command.parameter("shell").read(given["shell"], command="completion")
    script = get_completion_script(
        prog_name="telewarden", complete_var="_TELEWARDEN_COMPLETE", shell=shell
    )
    typer.echo(script)


def help_(_command: Command, given: Given, _config: Path | None, _yes: bool) -> None:
    """Show what a command does."""
    app([*(given["command"] or ()), "--help"], prog_name="telewarden", standalone_mode=False)


HERE: Final[Mapping[str, Callable[[Command, Given, Path | None, bool], None]]] = {
    "auth": auth,
    "check": check,
    "completion": completion,
    "database restore": database_restore,
    "demo": demo,
    "help": help_,
    "keygen": keygen,
    "loopback serve": loopback_serve,
    "run": run,
    "wait": wait,
}
