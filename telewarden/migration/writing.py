"""A configuration of ours from what was found, with a comment for all that has to be looked at.

What is written can be run: each pair is read as ``check`` reads it first, and one that cannot be,
or that would feed another, stands there as a comment with the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..actors.pair_graph import PairGraph, way_of
from ..config import parse_config, parse_pair
from ..config.text import tables_in
from ..errors import ConfigError
from .draft import Draft, PairDraft

SESSION: Final = "account"
NO_PHONE: Final = "+10000000000"
MOST_PAIRS: Final = 50  # of one session
USUAL_PAIRS: Final = 30
WIDTH: Final = 96
CHECK: Final = "CHECK"
SECRETS: Final[Mapping[str, str]] = {
    "API_HASH": "it was not copied: put it into the variable TELEGRAM_API_HASH, or name a file with"
    ' { file = "api_hash.secret" }',
    "SESSION_STRING": "it was not copied: put it into a variable, stop the old program, and when a"
    f" warden runs: printenv TELEGRAM_SESSION_STRING | telewarden import {SESSION} --string -",
    "BOT_TOKEN": "it was not copied: an admin bot of your own is [bot] with token = { env ="
    ' "TELEWARDEN_BOT_TOKEN" } and allow = [...]; see docs/bot.md',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What came of it: the text, how many pairs it has, how many stand in it as comments."""

    text: str
    pairs: int
    left_out: int
    checks: int


def write(draft: Draft, *, source: str) -> Migrated:
    """The whole configuration; ``source`` is the name of the file it comes from."""
    graph, blocks, whole = PairGraph(), [], 0
    _gather(draft)
    for number, pair in enumerate(draft.pairs, start=1):
        why = pair.leave_out or _fault(pair, number, graph)
        if not why and whole >= MOST_PAIRS:
            why = f"a session takes {MOST_PAIRS} pairs at most; give it to another account"
        whole += not why
        blocks.append("\n".join(_pair(pair, number, why)))
    text = "\n".join((*_head(draft, source, whole), *blocks, ""))
    tables = tables_in(text, source=source)
    parse_config(tables, source=source, text=text)  # what check would refuse is never written
    return Migrated(
        text=text, pairs=whole, left_out=len(blocks) - whole, checks=text.count(f"# {CHECK}: ")
    )


def _gather(draft: Draft) -> None:
    """What is to be checked of every pair is said once, at the head."""
    if len(draft.pairs) < 2:  # of one it stands with the pair
        return
    for note in draft.pairs[0].notes[:]:
        if all(note in pair.notes for pair in draft.pairs):
            draft.notes.append(f"every pair: {note}")
            for pair in draft.pairs:
                pair.notes.remove(note)


def _fault(pair: PairDraft, number: int, graph: PairGraph) -> str:
    """Why a pair cannot be, alone or with those before it."""
    try:
        plan = parse_pair({"id": number, "session": SESSION, **pair.fields}).plan()
    except ConfigError as error:
        return "; ".join(error.problems)
    way = way_of(plan)
    fault = None if way is None else graph.enter(way)
    return "" if fault is None else fault.sentence


def _head(draft: Draft, source: str, pairs: int) -> Iterator[str]:
    yield from _comment(f"Made by telewarden migrate from {source}, a file of {draft.program}.")
    yield from _comment(
        f"What has to be looked at begins with {CHECK}. Stop the old program before this one runs:"
        " two of them on one login end the login."
    )
    for note in draft.notes:
        yield from _check(note)
    yield "\n[telegram]"
    if draft.api_id is None:
        yield from _check("api_id was not in it; yours is at my.telegram.org")
    yield f"api_id = {draft.api_id or 1}"
    names = {"API_HASH": SECRETS["API_HASH"]}
    names |= {one: SECRETS[one] for one in draft.secrets if one in SECRETS}
    yield from _check(f"API_HASH: {names.pop('API_HASH')}")
    yield 'api_hash = { env = "TELEGRAM_API_HASH" }'
    for name, note in names.items():
        yield from _check(f"{name}: {note}")
    yield '\n[storage]\nfolder = "state"\nmaster_key = { file = "master.key", create = true }'
    yield "\n[console]\nport = 9464\n\n[[sessions]]"
    yield f"name = {_text(SESSION)}"
    phone = re.sub(r"[\s()-]", "", draft.phone or "")
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", phone):
        phone = NO_PHONE
        yield from _check("phone: the account's own, with country code, as +12025550123")
    yield f"phone = {_text(phone)}"
    if pairs > USUAL_PAIRS:
        yield f"max_pairs = {pairs}"


def _pair(pair: PairDraft, number: int, why: str) -> Iterator[str]:
    yield ""
    yield from _comment(pair.title)
    if why:
        yield from _check(f"left out: {why}")
    for note in pair.notes:
        yield from _check(note)
    lines = ["[[pairs]]", f"id = {number}", f"session = {_text(SESSION)}"]
    lines += [f"{key} = {_value(value)}" for key, value in pair.fields.items()]
    yield from (f"# {line}" if why else line for line in lines)


def _check(note: str) -> Iterator[str]:
    yield from _comment(f"{CHECK}: {note}")


def _comment(text: str) -> Iterator[str]:
    """Words as comment lines; whatever signs they have, they stay comments."""
    line = "#"
    for word in re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", text).split(" "):
        if len(line) + 1 + len(word) > WIDTH and line not in ("#", "#  "):
            yield line
            line = "#  "
        line = f"{line} {word}" if line != "#  " else f"#   {word}"
    yield line


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _text(value)
        case Mapping():
            return f"{{ {', '.join(f'{key} = {_value(one)}' for key, one in value.items())} }}"
        case Iterable():
            return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"{type(value).__name__} has no place in a pair")


def _text(text: str) -> str:
    """A basic string of TOML: JSON's, but for a sign that TOML wants escaped as well."""
    clean = text.encode("utf-8", "replace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")
