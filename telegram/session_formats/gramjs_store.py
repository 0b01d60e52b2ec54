"""GramJS's session folders: a file for each value, as its local storage keeps them in Node.js."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from ...errors import LoginFormatError
from ..session_files.session_file import StoredSession, bytes_in
from .data_centres import TEST_HOSTS
from .formats import ForeignLogin, LoginFormat
from .strings import parts_of

KEY: Final = "authKey"
NEEDED: Final = (KEY, "dcId", "port", "serverAddress")


def gramjs_names(folder: Path) -> dict[str, Path]:
    """The files of a GramJS session in a folder, by what they hold; empty if it is none."""
    named = {unquote(one.name): one for one in folder.iterdir() if one.is_file()}
    key = next((name for name in named if name.endswith(KEY)), None)
    if key is None:
        return {}
    start = key.removesuffix(KEY)
    return {name: named[start + name] for name in NEEDED if start + name in named}


def read_gramjs_store(folder: Path) -> ForeignLogin:
    """Read a folder of GramJS's ``StoreSession``.

    Raises:
        LoginFormatError: a value is not there, or is damaged.
    """
    names = gramjs_names(folder)
    values = {name: _value(folder, path) for name, path in names.items()}
    missing = [name for name in NEEDED if name not in values]
    if missing:
        raise LoginFormatError(folder, f"is GramJS's, and has no {missing[0]}", COPY)
    dc_id, host, port = values["dcId"], values["serverAddress"], values["port"]
    well = isinstance(dc_id, int) and isinstance(host, str) and isinstance(port, int)
    parts = parts_of(dc_id, host, port, _key(values[KEY])) if well else None
    if parts is None:
        raise LoginFormatError(folder, "is GramJS's, and its values are no login", COPY)
    return ForeignLogin(
        format=LoginFormat.GRAMJS_STORE,
        stored=StoredSession(version=0, parts=parts),
        test=parts.host in TEST_HOSTS,
    )


COPY: Final = "copy the whole folder again"


def _value(folder: Path, path: Path) -> Any:
    try:
        return json.loads(bytes_in(path))
    except OSError as error:
        raise LoginFormatError(
            folder, f"is GramJS's; {path.name}: {error.strerror}", COPY
        ) from None
    except (ValueError, RecursionError):
        raise LoginFormatError(folder, f"is GramJS's, and {path.name} is damaged", COPY) from None


def _key(value: object) -> bytes:
    """Node.js writes a buffer as an object with a list of numbers."""
    numbers = value.get("data") if isinstance(value, dict) else None
    try:
        return bytes(numbers) if isinstance(numbers, list) else b""
    except (TypeError, ValueError):
        return b""
