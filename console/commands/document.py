"""The page ``docs/commands.md``, printed from the descriptions.

``python -m telewarden.console.commands.document > docs/commands.md`` brings it up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from .catalogue import every, headings
from .model import Command, Danger, Surface
from .parameters import Kind, Parameter

HEAD: Final = """\
# Commands

This page is printed from the descriptions in `console/commands`, of which the command line, the
HTTP API on the control socket and the admin bot are made.

**Configuration.** `--config PATH` (`-c`), else `TELEWARDEN_CONFIG`, else `./telewarden.toml`,
else `telewarden/telewarden.toml` in the user's configuration folder. A first word that ends in
`.toml` is the configuration as well: `telewarden status op.toml`.

**Output.** Tables and colours on a terminal (`NO_COLOR=1` without colours), columns of plain text
into a pipe, and with `--json` the result as the HTTP API returns it; its fields are at the end of
this page. An error with `--json` is `{"error": {"type": ..., "message": ...}}`. `auth`,
`completion`, `help`, `init`, `keygen`, `loopback serve`, `token` and `wait` have no `--json`.
Times are shown in the zone of whoever looks.

**Exit codes.** 0 done; 1 it was begun and did not go well, or what was looked at is not well;
2 nothing was done: words that cannot be read, a wrong configuration, no warden, a refusal (of a
move, too, which is all or nothing), a question that was answered with no; 70 `run` ended with
actors that would not stop; 130 Ctrl-C. Of `safety-check` 0 is SAFE, 1 CAUTION, 2 UNSAFE.

**HTTP.** `POST /api/commands/NAME` on the control socket, with the parameters as a JSON object
and dashes in the place of blanks: `curl --unix-socket control.sock
http://warden/api/commands/pairs-why -d '{"pair": 3}'`. `GET /api/openapi.json` describes all of
it, and `GET /api/` is the same as a page. Who may connect is told by the kernel: the socket's
owner and root.

What ends or removes something is asked about first; `--yes` answers that. A secret given as `-`
is typed where nobody sees it, or read from the standard input.

**Not here, by decision.** Workers are no processes of their own: a group's crash stays its own,
and one loop serves all without a lock; for more than one core, run a warden for each set of
accounts. There is no operation "under a session's lock", as there is none: what is to happen to a
session is a message to it. A session's updates go to its pairs and their handlers only, since a
second client beside the owner would be a second user of the key. A block of a script is guarded
from Python (`safe_session`), and the kit for tests is Python (`telewarden.testing`).
"""


def document() -> str:
    """The page."""
    parts = [HEAD]
    for group in headings():
        commands = [one for one in every() if one.group == group]
        parts.append(f"## {group}\n")
        parts += [_described(one) for one in commands]
    parts.append("## Results\n")
    parts += [_shape(one) for one in _models()]
    return "\n".join(parts)


def _described(command: Command) -> str:
    lines = [f"### `{_usage(command)}`\n", command.help, *([command.more] if command.more else ())]
    lines.append("")
    options = [one for one in (*command.parameters, *command.line_options) if one.option]
    places = [one for one in command.parameters if not one.option]
    lines += [f"- `{_name(one)}`: {_said(one)}" for one in (*places, *options)]
    facts = [f"Needs {command.needs}", f"on {_surfaces(command)}"]
    if command.danger is not Danger.LOOKS:
        facts.append(str(command.danger))
    if command.result:
        facts.append(f"returns `{command.result.rpartition('.')[2]}`")
    return "\n".join([*lines, f"- {'; '.join(facts)}.", ""])


def _usage(command: Command) -> str:
    words = ["telewarden", command.name]
    places = [one for one in command.parameters if not one.option]
    words += [_place(one) if one.required else f"[{_place(one)}]" for one in places]
    return " ".join(words)


def _place(parameter: Parameter) -> str:
    return parameter.metavar or parameter.name.upper()


def _name(parameter: Parameter) -> str:
    if not parameter.option:
        return _place(parameter)
    is_flag = parameter.kind is Kind.FLAG
    return parameter.long if is_flag else f"{parameter.long} {parameter.kind.upper()}"


def _said(parameter: Parameter) -> str:
    said = parameter.help
    if parameter.range:
        said += f" {parameter.range[0].upper()}{parameter.range[1:]}."
    if parameter.kind is not Kind.FLAG and parameter.default not in (None, "", [], {}):
        said += f" By default {parameter.default}."
    return said


def _surfaces(command: Command) -> str:
    return ", ".join(one for one in Surface if one in command.surfaces)


def _models() -> list[type[BaseModel]]:
    """Every model that a command returns, with those inside it, by name."""
    found: dict[str, type[BaseModel]] = {}
    wanted: list[type[BaseModel]] = [one.result_model() for one in every() if one.result]
    while wanted:
        model = wanted.pop()
        if model.__name__ not in found:
            found[model.__name__] = model
            wanted += _inside(model)
    return [found[name] for name in sorted(found)]


def _inside(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        for one in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(one, type) and issubclass(one, BaseModel):
                yield one


def _shape(model: type[BaseModel]) -> str:
    fields = [f"`{name}` {_type(one.annotation)}" for name, one in model.model_fields.items()]
    return (
        f"**{model.__name__}**: {' '.join((model.__doc__ or '').split())}\n{', '.join(fields)}.\n"
    )


def _type(annotation: Any) -> str:
    if annotation is Any:
        return "anything"
    if getattr(annotation, "__module__", "builtins") != "types" and not hasattr(
        annotation, "__args__"
    ):
        return str(annotation.__name__) if annotation is not type(None) else "null"
    inner = [_type(one) for one in annotation.__args__ if one is not Ellipsis]
    match getattr(annotation, "__name__", ""):
        case "tuple":
            return f"list of {inner[0]}"
        case "dict":
            return f"object of {inner[1]}"
        case _:
            return " or ".join(inner)


if __name__ == "__main__":
    sys.stdout.write(document())
