"""Which program wrote a file, and what it says. Reads files, changes none."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from . import telegram_forwarder, telemirror, tgcf
from .draft import Draft, refused

LARGEST: Final = 64 * 2**20  # bytes
TAKEN: Final = (
    "tgcf.config.json, telemirror's .env or mirror.config.yml, or TelegramForwarder's db/forward.db"
)
YAML_MISSING: Final = (
    "reading YAML needs PyYAML; install it with: pip install 'telewarden[migrate]'"
)


def read(path: Path, env: Path | None = None) -> Draft:
    """What another program's configuration says; the format is told by what is in the file.

    Args:
        path: the file.
        env: the ``.env`` beside it, for the api_id and the phone that the file itself has not.

    Raises:
        BadCommandError: it is none of those that are known, or is damaged.
    """
    data, beside = _bytes(path), {} if env is None else dotenv(_text(_bytes(env), env))
    if data.startswith(telegram_forwarder.MAGIC):
        if (log := path.with_name(f"{path.name}-wal")).exists() and log.stat().st_size:
            raise refused(
                f"{log} holds changes that are not in {path.name}; stop TelegramForwarder"
            )
        return telegram_forwarder.read(data, beside)
    text = _text(data, path)
    given = dotenv(text)
    if "CHAT_MAPPING" in given or "YAML_CONFIG_ENV" in given:
        return _of_env(given)
    if text.lstrip().startswith("{"):
        return _of_table(_json(text, path), path, beside)
    _refuse_others(text, given, path)
    return _of_table(_yaml(text, str(path)), path, beside)


def dotenv(text: str) -> dict[str, str]:
    """The variables of a ``.env``."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        value = value.strip()
        if equals and name.strip().isidentifier():
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[name.strip()] = value
    return found


def _of_env(given: Mapping[str, str]) -> Draft:
    inner = given.get("YAML_CONFIG_ENV", "").replace("\\n", "\n")
    if inner.strip():
        table = _yaml(inner, "YAML_CONFIG_ENV")
        if isinstance(table, Mapping) and table.get("directions"):
            return telemirror.read_yaml(table, given)
    return telemirror.read_env(given)


def _of_table(table: Any, path: Path, env: Mapping[str, str]) -> Draft:
    if isinstance(table, Mapping) and "forwards" in table:
        return tgcf.read(table)
    if isinstance(table, Mapping) and "directions" in table:
        return telemirror.read_yaml(table, env)
    raise refused(f"{path} has neither forwards nor directions; give {TAKEN}")


def _refuse_others(text: str, given: Mapping[str, str], path: Path) -> None:
    """Name what is well known and holds no pairs."""
    try:
        if "sessions" in tomllib.loads(text):
            raise refused(f"{path} is a configuration of Telewarden; run it with: telewarden run")
    except tomllib.TOMLDecodeError:
        pass
    if "BOT_TOKEN" in given or "API_ID" in given:
        raise refused(
            f"{path} is a .env without pairs; give tgcf.config.json, mirror.config.yml or"
            f" db/forward.db, and this one with --env {path.name}"
        )


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise refused(f"{path} is a folder; give {TAKEN}")
    try:
        if path.stat().st_size > LARGEST:
            raise refused(f"{path} has more than 64 MB; give {TAKEN}")
        return path.read_bytes()
    except OSError as exc:
        raise refused(f"{path}: {exc.strerror or exc}; give {TAKEN}") from exc


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused(f"{path} is no text and no SQLite database; give {TAKEN}") from None


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as exc:
        where = f" (line {exc.lineno})" if isinstance(exc, json.JSONDecodeError) else ""
        raise refused(f"{path} is no whole JSON{where}; copy it again") from None


def _yaml(text: str, source: str) -> Any:
    try:
        import yaml
    except ImportError as missing:
        raise refused(YAML_MISSING) from missing
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise refused(f"{source} is not what a program writes{where}; give {TAKEN}") from None
