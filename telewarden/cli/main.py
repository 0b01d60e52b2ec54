"""The command line: ``telewarden run CONFIG``, ``demo``, ``status``, ``loopback serve`` and more.

Owns options, help texts and exit codes. Telethon and the rooms are imported by the command that
needs them, so that ``telewarden --help`` answers at once.

Exit codes: 0 done; 1 it ran and did not end well; 2 it could not be started as asked (a wrong
configuration, a port in use, a missing secret); 70 actors that would not stop were abandoned.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from .._version import __version__
from ..errors import CommandFailedError, ConfigError, TelewardenError
from .pairs import pairs_app, reassign

if TYPE_CHECKING:
    from ..console import ControlClient

ENDED_BADLY: Final = 1
NOT_STARTED: Final = 2

app = typer.Typer(
    name="telewarden",
    help="Keeps Telegram sessions alive: supervised, recovered, watched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
loopback_app = typer.Typer(
    help="A Telegram data centre of one's own on 127.0.0.1, for demos and tests.",
    no_args_is_help=True,
)
app.add_typer(loopback_app, name="loopback")
app.add_typer(pairs_app, name="pairs")
app.command()(reassign)
app.command("changesession", hidden=True)(reassign)

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The configuration, a TOML file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def main() -> None:
    """Run the command line; errors of ours become one sentence and exit code 2."""
    for stream in (sys.stdout, sys.stderr):  # a terminal need not know every sign
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except TelewardenError as exc:
        _complain(exc)
        sys.exit(NOT_STARTED)


def _complain(exc: TelewardenError) -> None:
    problems = getattr(exc, "problems", None)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    if problems:
        source = getattr(exc, "source", "config")
        for problem in problems:
            console.print(f"{source}: {problem}", markup=False)
    else:
        console.print(str(exc), markup=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"telewarden {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keeps Telegram sessions alive: supervised, recovered, watched."""


@app.command()
def run(
    config: ConfigPath,
    as_json: AsJson = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")] = False,
) -> None:
    """Run the sessions of CONFIG until SIGTERM or Ctrl-C; a second signal stops at once.

    With a [loopback] table in CONFIG, a data centre of its own takes Telegram's place.
    """
    from .run import run_warden

    raise typer.Exit(asyncio.run(run_warden(config, as_json=as_json, verbose=verbose)))


@app.command()
def demo(
    seconds: Annotated[float, typer.Option(help="How long it runs, about.", min=20.0)] = 60.0,
    as_json: AsJson = False,
    port: Annotated[
        int, typer.Option(help="Where /metrics and the page are; 0: any.", min=0, max=65535)
    ] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the folder there, to look at it afterwards.")
    ] = None,
) -> None:
    """Watch a supervised forwarder survive faults, on a loopback data centre.

    Three accounts log in (one with two-step verification), four pairs forward, and then it
    strikes: crashes, a cut line, a damaged file, a flood wait, a kill -9. Exit code 0 only if no
    message was lost or doubled and every session is healthy.
    """
    from ..demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(seconds=seconds, as_json=as_json, port=port, keep=keep)))


@app.command()
def check(config: ConfigPath, as_json: AsJson = False) -> None:
    """Read CONFIG and say whether it can be run, with its secrets; starts and connects nothing."""
    from ..config import load_config
    from ..standalone.config_check import config_problems

    read = load_config(config)
    if problems := config_problems(read):
        if not as_json:
            raise ConfigError(str(config), problems)
        typer.echo(json.dumps({"ok": False, "problems": problems}))
        raise typer.Exit(NOT_STARTED)
    facts = {"sessions": len(read.sessions), "pairs": len(read.pairs), "folder": str(read.folder)}
    if as_json:
        typer.echo(json.dumps({"ok": True, **facts}))
    else:
        typer.echo(f"{config}: fine; {facts['sessions']} sessions, {facts['pairs']} pairs")


@app.command()
def auth(
    config: ConfigPath,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Which one to log in.")],
    new_code: Annotated[
        bool, typer.Option("--new-code", help="Ask for another code, also if one is waited for.")
    ] = False,
) -> None:
    """Log a session of the running warden in: code, then cloud password if there is one.

    The code goes in here, never into a Telegram chat: Telegram voids codes that it sees there.
    Who breaks off comes back to the same login: a code that was sent costs no other.
    """
    client = _client(config)
    phase = client.phase(session)
    if new_code or phase not in _AWAITING:
        phase = client.login(session, "start")
    else:
        typer.echo(f"{session}: a login is under way; --new-code begins another")
    if phase == "online":
        typer.echo(f"{session} is online already")
        return
    while phase in _AWAITING:
        phase = _login_step(client, session, phase)
    if phase in {"needs_login", "quarantined", "stopped"}:
        typer.echo(f"{session} is not logged in; the login has ended: {phase}", err=True)
        raise typer.Exit(ENDED_BADLY)
    typer.echo(f"{session} is logged in")


_AWAITING: Final = frozenset({"awaiting_code", "awaiting_password"})


def _login_step(client: ControlClient, session: str, phase: str) -> str:
    """Ask for what the login waits for and hand it in; returns the phase that follows."""
    step = phase.removeprefix("awaiting_")
    asked = "login code" if step == "code" else "cloud password"
    secret = typer.prompt(f"{session}: {asked}", hide_input=step == "password")
    try:
        return client.login(session, step, secret)
    except CommandFailedError as exc:
        _complain(exc)
        return client.phase(session)  # a login ends after three that are wrong


@app.command()
def status(config: ConfigPath, as_json: AsJson = False) -> None:
    """Show how the sessions and pairs of the running warden are."""
    state = _client(config).state()
    if as_json:
        typer.echo(json.dumps(state))
        return
    from ..terminal import overview_tables

    console = Console()
    console.print(*overview_tables(state, plain=console.options.ascii_only), sep="\n")


@app.command()
def tree(config: ConfigPath, as_json: AsJson = False) -> None:
    """Show the supervisor tree of the running warden."""
    state = _client(config).state()
    typer.echo(json.dumps(state["tree"]) if as_json else state["tree_text"])


@app.command()
def recover(
    config: ConfigPath,
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Which one to recover.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Recover all sessions.")] = False,
) -> None:
    """Let a session of the running warden, or all, climb the recovery ladder now.

    How many connect in a second is limited as at a start.
    """
    if (session is None) is not everyone:
        raise typer.BadParameter("name one session, or give --all")
    client = _client(config)
    names = [session] if session else [one["session"] for one in client.state()["sessions"]]
    for name in names:
        client.recover(name)
    asked = session or f"all {len(names)} sessions"
    typer.echo(f"{asked}: asked to recover; watch with: telewarden status {config}")


@app.command()
def drill(
    config: ConfigPath,
    child: Annotated[str, typer.Argument(metavar="CHILD", help="Its path in the tree.")],
) -> None:
    """Crash one child of the running warden on purpose, to see it come back.

    CHILD is a path as `telewarden tree` shows it, for example sessions/session:alice/session.
    """
    _client(config).drill(child)
    typer.echo(f"{child}: struck; watch it with: telewarden tree {config}")


@app.command()
def keygen() -> None:
    """Print a fresh master key; keep it where the configuration's storage.master_key looks."""
    from ..storage import MasterKey

    typer.echo(MasterKey.generate())


@loopback_app.command()
def serve(
    port: Annotated[int, typer.Option(help="Where to listen; 0: any.", min=0, max=65535)] = 4500,
    pubkey: Annotated[Path, typer.Option(help="Where to write its public key.")] = Path("pub.pem"),
    code: Annotated[str, typer.Option(help="The login code that everybody is sent.")] = "22222",
    state: Annotated[
        Path | None, typer.Option(help="A file that keeps accounts, chats and messages.")
    ] = None,
    control: Annotated[
        int | None,
        typer.Option(help="A port to be steered by, over HTTP; 0: any.", min=0, max=65535),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="A JSON file with the first accounts and chats.")
    ] = None,
) -> None:
    """Run a data centre until SIGTERM or Ctrl-C; prints one line when it is ready."""
    from ..loopback.serve import serve as serve_loopback

    raise typer.Exit(
        serve_loopback(
            port=port,
            pubkey=pubkey,
            code=code,
            state=state,
            control=control,
            scenario=scenario,
        )
    )


def _client(config: Path) -> ControlClient:
    from ..config import load_config
    from ..console import ControlClient, language_of

    read = load_config(config)
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return ControlClient(
        read.control_socket, owner=_owner_for_root(read.folder), language=language_of(locale)
    )


def _owner_for_root(folder: Path) -> int | None:
    """Whose warden root may ask: that of the user whom the storage folder belongs to."""
    if os.geteuid() != 0:
        return None
    try:
        return folder.stat().st_uid
    except OSError:
        return None
