"""``telewarden init``: a first configuration, from a few questions."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import typer

from ..config import load_config, parse_config, parse_pair
from ..config.text import tables_in
from ..errors import BadCommandError, ConfigError, InvalidRecordError, TelewardenError
from ..standalone.config_check import config_problems
from ..storage import SessionRecord, make_private_folder, write_private_file
from ..telegram.addressing.names import A_CHAT
from .asking import hidden
from .complaint import complain

HASH_FILE: Final = "api_hash.secret"
HASH_VARIABLE: Final = "TELEGRAM_API_HASH"

HEAD: Final = """\
# docs/configuration.md has every table. Secrets are never in this file: it names their place.

[telegram]
api_id = {api_id}
{api_hash}
[storage]
folder = "state"  # relative to this file; only you may read it
master_key = {{ file = "master.key", create = true }}  # keep a copy of it elsewhere

[console]
port = 9464  # page and /metrics, on this machine only
"""
LOOPBACK: Final = """
[loopback]  # a Telegram data centre of its own, on 127.0.0.1; delete from here on for the real one
chatter = 1.0  # somebody says something every second

[[loopback.accounts]]
name = "alice"
phone = "+9996620001"

[[loopback.accounts]]
name = "bob"
phone = "+9996620002"

[[loopback.accounts]]
name = "press"
phone = "+9996620009"

[[loopback.chats]]
username = "news_in"
title = "News"
owner = "press"
members = ["alice", "bob"]

[[loopback.chats]]
username = "news_out"
title = "News, forwarded"
owner = "alice"
members = ["bob"]

[[loopback.chats]]
username = "sport_in"
title = "Sport"
owner = "press"
members = ["alice", "bob"]

[[loopback.chats]]
username = "sport_out"
title = "Sport, forwarded"
owner = "bob"

[[loopback.chats]]
username = "press_room"
title = "What the press forwards"
owner = "press"
"""


def write_configuration(path: Path, *, loopback: bool, example: str | None) -> None:
    """Write one where none is, and say what to type next.

    Raises:
        BadCommandError: there is a file of that name, which is not touched, or no place for one.
    """
    if path.exists():
        raise BadCommandError("init", f"{path} is there already; name another one, or remove it")
    there = next(one for one in path.parents if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise BadCommandError("init", f"nothing can be written in {there}; name another path")
    secret = ""
    if example is not None:
        text = _example(example)
    elif loopback:
        text = "".join((HEAD.format(api_id=1, api_hash=""), *_played(), LOOPBACK))
    else:
        api_id = _ask("api_id (my.telegram.org)", _api_id)
        secret = hidden(f"api_hash (nothing: it is in {HASH_VARIABLE})")
        place = f'file = "{HASH_FILE}"' if secret else f'env = "{HASH_VARIABLE}"'
        head = HEAD.format(api_id=api_id, api_hash=f"api_hash = {{ {place} }}\n")
        text = "".join((head, *_asked()))
    parse_config(tables_in(text, source=str(path)), source=str(path), base=path.parent, text=text)
    if not path.parent.exists():
        make_private_folder(path.parent)
    if secret:
        write_private_file(path.parent / HASH_FILE, f"{secret}\n".encode())
    write_private_file(path, text.encode())
    _say_what_follows(path)


def _example(name: str) -> str:
    file = resources.files("telewarden.cli") / "examples" / f"{name}.toml"
    return file.read_text("utf-8").replace('"../var/', '"var/').replace(" examples/", " ")


def _played() -> Iterator[str]:
    yield _session("alice", "+9996620001")
    yield _session("bob", "+9996620002")
    yield _pair(1, "alice", "@news_in", "@news_out")


def _asked() -> Iterator[str]:
    names: list[str] = []
    while name := _ask(f"session {len(names) + 1}: name (nothing: no more)", _name(names)):
        yield _session(name, _ask(f"{name}: phone, as +12025550123", _phone))
        names.append(name)
    number = 1
    while names and (
        source := _ask(f"pair {number}: source, as @news (nothing: no more)", _source)
    ):
        target = _ask(f"pair {number}: target", _chat)
        whose = names[0] if len(names) == 1 else _ask("served by", _one_of(names))
        yield _pair(number, whose, source, target)
        number += 1


def _ask(question: str, read: Callable[[str], str]) -> str:
    """Ask until the answer can be used."""
    while True:
        answer = str(typer.prompt(question, default="", show_default=False)).strip()
        try:
            return read(answer)
        except TelewardenError as error:
            complain(error)


def _api_id(text: str) -> str:
    if not text.isdigit() or not int(text):
        raise InvalidRecordError("api_id", text, "the number that my.telegram.org shows")
    return text


def _name(taken: list[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in taken:
            raise InvalidRecordError("name", text, "one that no other session has")
        return SessionRecord(name=text).name if text else ""

    return read


def _phone(text: str) -> str:
    return SessionRecord(name="new", phone=text).phone or ""


def _source(text: str) -> str:
    return _chat(text) if text else ""


def _chat(text: str) -> str:
    table = tables_in(f"chat = {_place(text)}", source="chat")
    try:
        parse_pair({"id": 1, "session": "new", "source": table["chat"], "target": "@another_chat"})
    except ConfigError:
        raise InvalidRecordError("chat", text, A_CHAT) from None
    return text


def _one_of(names: list[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in names:
            raise InvalidRecordError("session", text, ", ".join(names))
        return text

    return read


def _session(name: str, phone: str) -> str:
    return f"\n[[sessions]]\nname = {json.dumps(name)}\nphone = {json.dumps(phone)}\n"


def _pair(number: int, session: str, source: str, target: str) -> str:
    places = (f"{key} = {_place(chat)}\n" for key, chat in (("source", source), ("target", target)))
    return f"\n[[pairs]]\nid = {number}\nsession = {json.dumps(session)}\n{''.join(places)}"


def _place(chat: str) -> str:
    return chat if chat.lstrip("-").isdigit() else json.dumps(chat)


def _say_what_follows(path: Path) -> None:
    config = load_config(path)
    here = "" if path.name == "telewarden.toml" and path.parent == Path.cwd() else f" -c {path}"
    typer.echo(f"{path} is written")
    for problem in config_problems(config):
        typer.echo(f"before it can run: {problem}")
    typer.echo(f"run it with: telewarden{here} run")
    if config.loopback is None:
        for session in config.sessions:
            typer.echo(f"log in, while it runs, with: telewarden{here} auth {session.name}")
