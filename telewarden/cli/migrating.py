"""``telewarden migrate``: another program's configuration, written as ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from ..errors import BadCommandError
from ..errors.root import counted
from ..migration.detection import read
from ..migration.writing import Migrated, write
from ..storage import write_private_file


def migrate(given: Mapping[str, Any], *, as_json: bool) -> None:
    """Read a file and write ours, to the standard output or where it was asked for.

    Raises:
        BadCommandError: the file is none of those that are known, or there is one already where
            it would be written.
    """
    output = None if given["output"] is None else _path(given["output"])
    if output is not None and output.exists() and not (given["force"] and output.is_file()):
        way_out = "name another one" if output.is_dir() else "name another one, or say --force"
        raise BadCommandError("migrate", f"{output} is there already; {way_out}")
    source, env = _path(given["file"]), given["env"]
    draft = read(source, None if env is None else _path(env))
    made = write(draft, source=source.name)
    if output is not None:
        write_private_file(output, made.text.encode())
    if as_json:
        facts = {"program": draft.program, "pairs": made.pairs, "left_out": made.left_out}
        where = {"toml": made.text} if output is None else {"output": str(output)}
        typer.echo(json.dumps({**facts, "checks": made.checks, **where}))
        return
    if output is None:
        typer.echo(made.text, nl=False)
    typer.echo(_said(draft.program, made), err=output is None)
    if output is not None:
        typer.echo(f"{output} is written; look at it, then: telewarden check {output}")


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _said(program: str, made: Migrated) -> str:
    pairs, checks = counted(made.pairs, "pair"), counted(made.checks, "line")
    left = f", {made.left_out} left out as comments" if made.left_out else ""
    return f"{program}: {pairs}{left}; {checks} to look at (CHECK)"
