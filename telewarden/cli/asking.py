"""Commands that a running warden carries out: asked, confirmed, followed, shown."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import typer

from ..console.client import ControlClient
from ..console.commands.catalogue import find as by_name
from ..console.commands.model import Command, Needs
from ..console.commands.parameters import Kind
from ..console.words import language_of
from ..errors import BadCommandError, CommandFailedError, WardenUnreachableError
from ..errors.root import counted
from ..terminal import draw, plain
from .complaint import complain
from .place import Place
from .progress import bar

LOOK_EVERY: Final = 0.2  # seconds between two looks at what goes on
ENDED_BADLY: Final = 1
NOTHING_DONE: Final = 2
HIDDEN: Final = "-"  # stands for a secret that is typed where nobody sees it
FOLLOWED: Final = frozenset({"reassign", "changesession", "operations watch"})

Shown = dict[str, Any]


def carry_out(command: Command, given: Shown, place: Place, *, as_json: bool, yes: bool) -> None:
    """Carry one out and show what came of it.

    Raises:
        typer.Exit: with the exit code that its result has.
        TelewardenError: no warden answers, or it refused.
    """
    own = {one.name: given.pop(one.name, None) for one in command.line_options}
    own = {one.name: one.read(own[one.name], command=command.name) for one in command.line_options}
    read = command.read(as_typed(command, given))
    confirm(command, read, yes=yes)
    client = client_of(place)
    with bar(command.name, wanted=not as_json):
        result = _done(client, command, read, place)
    if command.name in FOLLOWED:
        result = _followed(client, command, result, as_json=as_json)
    elif command.name == "stop":
        _wait_until_gone(place, result["pid"], within=own["timeout"], as_json=as_json)
    show(command, result, as_json=as_json)


def _done(client: ControlClient, command: Command, read: Shown, place: Place) -> Shown:
    """Have the warden carry it out, or do it here where none runs and the store is enough."""
    try:
        return client.command(command.name, read, within=command.within)
    except WardenUnreachableError as nobody:
        if nobody.why or command.needs is not Needs.STORE:
            raise
    return _on_the_store(command, read, place)


def _on_the_store(command: Command, read: Shown, place: Place) -> Shown:
    """Carry it out here, as no warden runs."""
    import asyncio
    import logging

    from ..commands.offline import carry_out_offline
    from ..console.panel import WHO

    supervision = logging.getLogger("telewarden.supervision")
    level = supervision.level
    supervision.setLevel(logging.ERROR)  # why a child did not start is the error that is told
    try:
        done = asyncio.run(carry_out_offline(place.config, command.name, read, who=WHO))
    finally:
        supervision.setLevel(level)
    return done.model_dump(mode="json")


def client_of(place: Place) -> ControlClient:
    """Who asks the warden of a configuration."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return ControlClient(place.socket, owner=place.owner, language=language_of(locale))


def show(command: Command, result: Shown, *, as_json: bool) -> None:
    """Print a result, and exit with its code if that is not 0."""
    if as_json:
        typer.echo(json.dumps(result))
    elif command.show is not None:
        if sys.stdout.isatty():
            draw(command.show(result))
        else:
            for line in plain(command.show(result)):
                typer.echo(line)
    code = command.exit_code(result) if command.exit_code is not None else 0
    if code:
        raise typer.Exit(code)


def confirm(command: Command, given: Shown, *, yes: bool) -> None:
    """Ask before something is ended or removed.

    Raises:
        BadCommandError: nobody can be asked.
        typer.Exit: the answer was no; nothing was done.
    """
    question = command.asks(given)
    if yes or not question:
        return
    if not sys.stdin.isatty():
        raise BadCommandError(command.name, f"{question} Nobody can be asked here; give --yes")
    if not typer.confirm(question):
        typer.echo("nothing was done", err=True)
        raise typer.Exit(NOTHING_DONE)


def as_typed(command: Command, given: Shown) -> Shown:
    """Return what was typed, with secrets asked for and paths that mean the same to the warden."""
    found = dict(given)
    for one in command.parameters:
        value = given.get(one.name)
        if one.kind is Kind.PATH and value:
            found[one.name] = str(Path(value).expanduser().absolute())
        elif one.kind is Kind.SECRET and value == HIDDEN:
            found[one.name] = hidden(one.name)
    return found


def hidden(name: str) -> str:
    """Ask for a secret, unseen on a terminal; nothing is an answer, too."""
    if sys.stdin.isatty():
        return str(typer.prompt(name, hide_input=True, default="", show_default=False))
    return sys.stdin.readline().strip()


def _followed(client: ControlClient, command: Command, result: Shown, *, as_json: bool) -> Shown:
    """Wait for the end of an operation, telling each step; returns the last look."""
    if command.name == "operations watch":
        return _to_its_end(client, result["id"], as_json=as_json)
    if result["pairs"] or result["operation"] is None:
        return result
    operation = _to_its_end(client, result["operation"], as_json=as_json)
    if operation["state"] == "failed":  # all or none: nothing was moved
        raise CommandFailedError(operation["error"], kind="PairsNotMovedError")
    if operation["state"] != "finished":
        why = f"operation {operation['id']} ({operation['kind']}) is {operation['state']}"
        complain(CommandFailedError(why, kind="OperationEndedError"), as_json=as_json)
        raise typer.Exit(ENDED_BADLY)
    typer.echo(
        json.dumps(operation) if as_json else f"moved: {counted(len(operation['parts']), 'pair')}"
    )
    raise typer.Exit


def _to_its_end(client: ControlClient, number: int, *, as_json: bool) -> Shown:
    said = ""
    with bar(f"operation {number}", wanted=not as_json) as progress:
        while True:
            operation = client.command("operations watch", {"id": number})
            step, steps = operation["step"], operation["steps"]
            progress.step(step, steps, operation["description"])
            line = f"{step}/{steps}  {operation['description']}"
            if line != said and not as_json and not sys.stderr.isatty():
                typer.echo(line, err=True)
            said = line
            if not operation["active"]:
                return operation
            time.sleep(LOOK_EVERY)


def _wait_until_gone(place: Place, pid: int, *, within: float, as_json: bool) -> None:
    """Wait until nobody listens there any more.

    Raises:
        typer.Exit: it still runs when the time is over, which is said.
    """
    end = time.monotonic() + within
    while place.socket.exists():
        left = end - time.monotonic()
        if left <= 0:
            why = f"process {pid} still runs {within:g} s after it was asked to stop; wait on, or"
            why = f"{why} end it at once: kill -9 {pid}"
            complain(CommandFailedError(why, kind="StillRunsError"), as_json=as_json)
            raise typer.Exit(ENDED_BADLY)
        time.sleep(min(LOOK_EVERY, left))


def follow_backfill(place: Place, command: Command, given: Shown, *, as_json: bool) -> None:
    """Have a pair read its past, and wait until it has; leaving earlier ends nothing.

    Raises:
        TelewardenError: no warden answers, or it refused.
        typer.Exit: with the exit code that the operation has.
    """
    client, read = client_of(place), command.read(given)
    which = f"backfill of pair {read['pair']}"

    def found() -> list[int]:
        operations = client.command("operations list", {"kind": "backfill"})["operations"]
        return [one["id"] for one in operations if one["description"].partition(",")[0] == which]

    before = set(found())
    client.command(command.name, read, within=command.within)
    with bar(which, wanted=not as_json):
        while not (begun := set(found()) - before):
            time.sleep(LOOK_EVERY)
    watch = by_name("operations watch")
    show(watch, _to_its_end(client, max(begun), as_json=as_json), as_json=as_json)


def follow_events(place: Place, command: Command, given: Shown, *, as_json: bool) -> None:
    """Print what happens until Ctrl-C or the warden's end."""
    given = command.read(given)
    client, after, met = client_of(place), int(given["after"]), False
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            try:
                result = client.command("events", {"limit": given["limit"], "after": after})
            except WardenUnreachableError as gone:
                if not met:
                    raise
                why = f"the warden has ended, and so have its events: {gone}"
                complain(CommandFailedError(why, kind=type(gone).__name__), as_json=as_json)
                raise typer.Exit(ENDED_BADLY) from None
            met = True
            for one in result["events"]:
                after = one["number"]
                at = time.strftime("%H:%M:%S", time.localtime(one["at"]))
                typer.echo(json.dumps(one) if as_json else f"{at} {one['text']}")
            sys.stdout.flush()
            time.sleep(1.0)


def wait_for(place: Place, *, ready: bool, timeout: float) -> str:
    """Wait until a warden answers, or its sessions are online; what was amiss, if too late."""
    client, end = client_of(place), time.monotonic() + timeout
    while True:
        try:
            found = client.command("health", {})
        except WardenUnreachableError as gone:
            missed = str(gone)
        else:
            if found["ready"] or not ready:
                typer.echo(found["readiness"])
                return ""
            missed = f"{found['readiness']}; telewarden status says who waits for what"
        if time.monotonic() > end:
            return missed
        time.sleep(LOOK_EVERY)
