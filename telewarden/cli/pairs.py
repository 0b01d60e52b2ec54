"""``telewarden pairs ...`` and ``telewarden reassign``: the pairs of the running warden.

Exit codes: 0 done; 1 a move was refused or failed, and nothing has moved; 2 the command could not
be carried out as given.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from rich.console import Console

from ..errors import CommandFailedError

if TYPE_CHECKING:
    from ..console import ControlClient

LOOK_EVERY: Final = 0.2  # seconds between two looks at a move
REFUSED: Final = 1

pairs_app = typer.Typer(
    help="The pairs of the running warden: list, add, change, remove, past, dead letters.",
    no_args_is_help=True,
)

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The configuration, a TOML file.")
]
Pair = Annotated[int, typer.Argument(metavar="PAIR", help="Its number.")]
AcceptDoubt = Annotated[
    bool,
    typer.Option(
        "--accept-doubt",
        help="Also where nobody can be asked any more whether a message has arrived.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Fields = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE...", help="As in [[pairs]]: source=@a target=@b mode=copy."),
]
Messages = Annotated[
    list[int] | None, typer.Argument(metavar="MESSAGE...", help="Of the source; all if none.")
]


@pairs_app.command("list")
def list_(
    config: ConfigPath,
    session: Annotated[str | None, typer.Option(help="Of this session only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which pairs there are; how they are doing is in `telewarden status`."""
    answer = _client(config).pairs("list", session=session)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for one in answer["pairs"]:
        off = "" if one["enabled"] else ", off"
        way = f"{one['source']} -> {one['target'] or one['handler']}"
        typer.echo(f"{one['id']:>4}  {one['session']}  {way}, {one['mode']}{off}")


@pairs_app.command()
def add(
    config: ConfigPath,
    fields: Fields = None,
    session: Annotated[str | None, typer.Option(help="Who serves it; else the best one.")] = None,
    pair: Annotated[int | None, typer.Option(help="Its number; else the next free one.")] = None,
    ring: Annotated[
        bool, typer.Option("--ring", help="It may be in a ring, as A -> B and B -> A are.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let there be one more pair; it begins with what is said from now on."""
    given = _fields(fields) | ({"ring": True} if ring else {})
    one = _client(config).pairs("add", fields=given, pair=pair, session=session)
    _say(one, f"pair {one['id']} added, served by {one['session']}", as_json=as_json)


@pairs_app.command()
def change(config: ConfigPath, pair: Pair, fields: Fields = None, as_json: AsJson = False) -> None:
    """Change how a pair goes on from now; its chats and handler stay what they are."""
    one = _client(config).pairs("change", pair=pair, fields=_fields(fields))
    _say(one, f"pair {pair} changed", as_json=as_json)


@pairs_app.command()
def remove(
    config: ConfigPath, pair: Pair, accept_doubt: AcceptDoubt = False, as_json: AsJson = False
) -> None:
    """Let a pair go, with its outbox and dead letters; what is on its way arrives first."""
    gone = _client(config).pairs("remove", pair=pair, accept_doubt=accept_doubt)
    _say(gone, f"pair {pair} removed", as_json=as_json)


@pairs_app.command()
def pause(
    config: ConfigPath,
    pair: Pair,
    reason: Annotated[str, typer.Option(help="Shown wherever the pair is.")] = "",
    as_json: AsJson = False,
) -> None:
    """Stop forwarding until `resume`; what is said meanwhile is not lost."""
    done = _client(config).pairs("pause", pair=pair, reason=reason)
    _say(done, f"pair {pair}: {done['paused']}", as_json=as_json)


@pairs_app.command()
def resume(config: ConfigPath, pair: Pair, as_json: AsJson = False) -> None:
    """Go on now, whatever the pair was paused for."""
    _say(_client(config).pairs("resume", pair=pair), f"pair {pair} goes on", as_json=as_json)


@pairs_app.command()
def confirm(
    config: ConfigPath,
    pair: Pair,
    take: Annotated[
        bool, typer.Option("--take", help="Go on with the chats that its names mean now.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which chat is meant when a name means another one now: the one it has."""
    one = _client(config).pairs("confirm", pair=pair, take=take)
    way = f"{one['source']} -> {one['target'] or one['handler']}"
    _say(one, f"pair {pair} goes on: {way}", as_json=as_json)


@pairs_app.command()
def backfill(
    config: ConfigPath,
    pair: Pair,
    after: Annotated[int, typer.Option(help="From the message behind this one.")] = 0,
    since: Annotated[str | None, typer.Option(help="From this date, as 2026-01-31.")] = None,
    as_json: AsJson = False,
) -> None:
    """Forward the past, too; it goes on after any restart."""
    done = _client(config).pairs("backfill", pair=pair, after=after, since=since)
    _say(done, f"pair {pair} reads its past", as_json=as_json)


@pairs_app.command()
def dead(
    config: ConfigPath,
    pair: Annotated[int | None, typer.Option(help="Of this pair only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the messages that could not be delivered, and why."""
    answer = _client(config).pairs("dead", pair=pair)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for one in answer["dead"]:
        typer.echo(f"{one['pair']:>4}  message {one['source_id']}  {one['reason']}")


@pairs_app.command()
def retry(
    config: ConfigPath, pair: Pair, messages: Messages = None, as_json: AsJson = False
) -> None:
    """Send dead letters again."""
    done = _client(config).pairs("retry", pair=pair, messages=messages)
    _say(done, f"pair {pair}: {done['retried']} on their way again", as_json=as_json)


@pairs_app.command()
def drop(
    config: ConfigPath, pair: Pair, messages: Messages = None, as_json: AsJson = False
) -> None:
    """Forget dead letters."""
    done = _client(config).pairs("drop", pair=pair, messages=messages)
    _say(done, f"pair {pair}: {done['dropped']} dropped", as_json=as_json)


def reassign(
    config: ConfigPath,
    selection: Annotated[
        str, typer.Argument(metavar="PAIRS", help="1,2,3 or 1-10 or all_from:NAME.")
    ],
    to: Annotated[str, typer.Argument(metavar="SESSION", help="Who takes them.")],
    dry_run: Annotated[bool, typer.Option(help="Only say what would be done.")] = False,
    accept_doubt: AcceptDoubt = False,
    as_json: AsJson = False,
) -> None:
    """Move pairs to another session: all of them or none, while messages flow."""
    client = _client(config)
    try:
        answer = client.pairs(
            "reassign", selection=selection, to=to, dry_run=dry_run, accept_doubt=accept_doubt
        )
    except CommandFailedError as refused:
        if refused.kind != "PairsNotMovedError":
            raise
        _refused(str(refused), as_json=as_json)
    number = answer.get("operation")
    if number is not None:
        _follow(client, number, as_json=as_json)
        return
    moves = [f"pair {pair} from {name}" for pair, name in answer["pairs"].items()] or ["no pair"]
    would = "would move" if dry_run else "nothing to do"
    _say(answer, f"{would}: {', '.join(moves)} to {to}", as_json=as_json)


def _follow(client: ControlClient, number: int, *, as_json: bool) -> None:
    said = ""
    while True:
        operation = client.pairs("operation", id=number)
        line = f"{operation['step']}/{operation['steps']}  {operation['description']}"
        if line != said and not as_json:
            typer.echo(line, err=True)
        said = line
        if not operation["active"]:
            break
        time.sleep(LOOK_EVERY)
    if operation["state"] != "finished":
        _refused(operation["error"] or operation["state"], as_json=as_json, operation=number)
    _say(operation, f"moved: {len(operation['parts'])} pairs", as_json=as_json)


def _refused(why: str, *, as_json: bool, operation: int | None = None) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"moved": False, "error": why, "operation": operation}))
    else:
        Console(stderr=True, soft_wrap=True, highlight=False).print(why, markup=False)
    raise typer.Exit(REFUSED)


def _say(answer: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(answer) if as_json else sentence)


def _fields(given: list[str] | None) -> dict[str, Any]:
    """``key=value`` as TOML would read the value; a bare word is text."""
    fields = {}
    for one in given or ():
        key, equals, value = one.partition("=")
        if not equals:
            raise typer.BadParameter(f"{one!r} is no KEY=VALUE")
        fields[key] = _value(value)
    return fields


def _value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _client(config: Path) -> ControlClient:
    from ..config import load_config
    from ..console import ControlClient

    return ControlClient(load_config(config).control_socket)
