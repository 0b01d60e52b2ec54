"""A configuration's types are TOML's, and what an editor leaves in the file is read or named."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from telewarden import ConfigError, diagnostics, load_config, parse_config, safe_session
from telewarden import safety_check as check_safety
from telewarden.config import Config
from telewarden.errors import SecretMissingError
from telewarden.storage import MasterKey
from telewarden.warden import Warden

pytestmark = pytest.mark.console

WRONG: Mapping[type, tuple[Any, ...]] = {
    bool: ("yes", "true", 1, 0, 1.0),
    int: ("3", True, 3.0, 3.5),
    float: ("3", True, float("nan"), float("inf")),
    str: (3, True, 3.0),
    Path: (3, True),
}
ENOUGH = """\
[telegram]
api_id = 1
[storage]
folder = "store"
master_key = { env = "KEY" }
[loopback]
"""


def tables() -> dict[str, Any]:
    return {
        "telegram": {"api_id": 1},
        "storage": {"folder": "store", "master_key": {"env": "KEY"}},
        "sessions": [{"name": "alice", "phone": "+9996620001"}],
        "pairs": [{"id": 1, "session": "alice", "source": "@in_here", "target": "@out_there"}],
        "loopback": {
            "accounts": [{"name": "alice", "phone": "+9996620001"}],
            "chats": [{"username": "in_here", "title": "In", "owner": "alice"}],
        },
        "console": {},
        "health": {},
        "recovery": {},
        "pacing": {},
        "registry": {},
        "supervision": {},
    }


def kind_of(field: FieldInfo) -> type | None:
    """The one plain type of a field, if it has but one."""
    found = field.annotation
    kinds = [one for one in (get_args(found) or (found,)) if one is not type(None)]
    return kinds[0] if len(kinds) == 1 and kinds[0] in WRONG else None


def fields(model: type[BaseModel], path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for name, field in model.model_fields.items():
        if (kind := kind_of(field)) is not None and name != "base":
            for value in WRONG[kind]:
                yield (*path, field.alias or name), value


def every_wrong_value() -> Iterator[Any]:
    for table, given in tables().items():
        annotation = Config.model_fields[table].annotation
        models = [one for one in (annotation, *get_args(annotation)) if _is_model(one)]
        path = (table, 0) if isinstance(given, list) else (table,)
        for place, value in fields(models[0], path):
            yield pytest.param(place, value, id=f"{'.'.join(map(str, place))}={value!r}")


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


@pytest.mark.parametrize(("place", "value"), list(every_wrong_value()))
def test_a_value_of_another_type_is_refused_with_its_place(
    place: tuple[Any, ...], value: Any
) -> None:
    changed = tables()
    table: Any = changed
    for step in place[:-1]:
        table = table[step]
    table[place[-1]] = value

    with pytest.raises(ConfigError) as refused:
        parse_config(changed)

    assert place[-1] in str(refused.value)


def test_a_whole_number_is_a_length_of_time() -> None:
    assert parse_config({**tables(), "pacing": {"per_account": 20}}).pacing.per_account == 20.0


@pytest.mark.parametrize("wrong", [None, 5, ["telegram"], "", "\0", b"x.toml", object(), {1: 2}])
def test_what_is_no_configuration_is_refused_by_whoever_takes_one(wrong: Any) -> None:
    takers = (Warden, lambda one: safe_session(one, "alice"), check_safety, diagnostics.diagnose)

    for take in takers:
        with pytest.raises(ConfigError):
            take(wrong)
    with pytest.raises(ConfigError):
        parse_config(wrong)


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(ENOUGH, encoding="utf-8")

    assert load_config(str(path)) == load_config(path)


READ = {
    "a mark at the begin": codecs.BOM_UTF8 + ENOUGH.encode(),
    "Windows' line ends": ENOUGH.replace("\n", "\r\n").encode(),
    "old line ends": ENOUGH.replace("\n", "\r").encode(),
    "tabs": ENOUGH.replace(" = ", "\t=\t").encode(),
    "no line end at the end": ENOUGH.rstrip("\n").encode(),
}


@pytest.mark.parametrize("data", READ.values(), ids=list(READ))
def test_what_an_editor_leaves_in_a_file_is_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)

    assert load_config(path).telegram.api_id == 1


NAMED = {
    "UTF-16": (ENOUGH.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
    "UTF-32": (ENOUGH.encode("utf-32"), "is UTF-32 text; save it as UTF-8"),
    "UTF-16 without a mark": (ENOUGH.encode("utf-16-le"), "line 1: has a byte that is no text"),
    "a NUL at the end": (ENOUGH.encode() + b"\0", "line 7: has a byte that is no text"),
    "Latin-1": (ENOUGH.replace("store", "störe").encode("latin-1"), "line 4: is not UTF-8"),
    "typographic quotes": (ENOUGH.replace('"store"', "\u201cstore\u201d").encode(), 'plain "'),
    "typographic apostrophes": (ENOUGH.replace('"store"', "\u2018store\u2019").encode(), "plain '"),
    "a no-break space": (ENOUGH.replace("api_id = 1", "api_id\u00a0= 1").encode(), "plain space"),
    "a dash": (ENOUGH.replace("= 1", "= \u20131").encode(), "plain -"),
    "a number without end": (ENOUGH.replace("= 1", f"= {'1' * 5000}").encode(), "is not TOML"),
    "lists without end": (b"a = " + b"[" * 100_000, "is not TOML"),
    "nothing": (b"", "telegram is missing"),
}


@pytest.mark.parametrize(("data", "said"), NAMED.values(), ids=list(NAMED))
def test_what_cannot_be_read_is_named(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(data)

    with pytest.raises(ConfigError) as refused:
        load_config(path)

    assert said in str(refused.value)


KEY = MasterKey.generate()
KEY_FILES = {
    "a line end": f"{KEY}\n".encode(),
    "Windows' line end": f"{KEY}\r\n".encode(),
    "a mark": codecs.BOM_UTF8 + KEY.encode(),
    "blanks": f"  {KEY}\t\n\n".encode(),
}


@pytest.mark.parametrize("data", KEY_FILES.values(), ids=list(KEY_FILES))
def test_a_key_file_is_read_however_an_editor_ends_it(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(data)
    path.chmod(0o600)
    config = parse_config({**tables(), "telegram": {"api_id": 1, "api_hash": {"file": str(path)}}})

    assert isinstance(MasterKey.from_file(path), MasterKey)
    assert config.telegram.api_hash is not None
    assert config.telegram.api_hash.read("api_hash", base=tmp_path) == KEY


def test_a_secret_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hash"
    path.write_bytes("äöü".encode("latin-1"))
    config = parse_config({**tables(), "telegram": {"api_id": 1, "api_hash": {"file": str(path)}}})

    assert config.telegram.api_hash is not None
    with pytest.raises(SecretMissingError, match="UTF-8"):
        config.telegram.api_hash.read("api_hash", base=tmp_path)
