"""Errors as a person reads them on the standard error, and a program on the standard output."""

from __future__ import annotations

import typer

from ..errors import TelewardenError


def complain(exc: TelewardenError, *, as_json: bool = False) -> None:
    """Say what was wrong, a line for each problem; for programs as JSON, too."""
    problems, source = getattr(exc, "problems", None), getattr(exc, "source", None)
    if problems and source is not None:
        lines = [f"{source}: {problem}" for problem in problems]
    else:
        lines = [str(exc)]
    if as_json:
        say_as_json(getattr(exc, "kind", "") or type(exc).__name__, "\n".join(lines))
    for line in lines:
        typer.echo(line, err=True)


def say_as_json(kind: str, message: str) -> None:
    """Say what was wrong as the HTTP API does."""
    import json  # not before it is needed: help is to come at once

    typer.echo(json.dumps({"error": {"type": kind, "message": message}}))
