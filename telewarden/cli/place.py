"""Where the configuration is, and where its warden listens.

Reads of the file only what it takes to ask a running warden: checking all of it takes longer than
the answer.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from ..errors import BadCommandError

if TYPE_CHECKING:
    from ..config import Config

NAME: Final = "telewarden.toml"
VARIABLE: Final = "TELEWARDEN_CONFIG"


@dataclass(frozen=True, slots=True)
class Place:
    """One configuration's file, and how its warden is reached."""

    config: Path
    folder: Path
    socket: Path

    @property
    def owner(self) -> int | None:
        """Whose warden root may ask, too: that of the user whom the storage folder belongs to."""
        if os.geteuid() != 0:
            return None
        try:
            return self.folder.stat().st_uid
        except OSError:
            return None


def config_path(given: Path | None) -> Path:
    """The configuration's file: given, or found.

    It is looked for in ``TELEWARDEN_CONFIG``, in this folder and in the user's own.

    Raises:
        BadCommandError: none was given and none is found.
    """
    if given is not None:
        return given
    if named := os.environ.get(VARIABLE):
        return Path(named)
    own = Path(typer.get_app_dir("telewarden")) / NAME
    for found in (Path(NAME), own):
        if found.exists():
            return found
    raise BadCommandError(
        "no configuration",
        f"--config gives none, {VARIABLE} is not set, and there is no {NAME} here and no {own};"
        " make one with: telewarden init",
    )


def place_of(config: Path) -> Place:
    """Where the warden of a configuration listens.

    Raises:
        ConfigError: the file cannot be read, or is wrong.
    """
    tables = _read(config)
    base = config.resolve().parent
    storage, console = tables.get("storage"), tables.get("console", {})
    folder = storage.get("folder") if isinstance(storage, Mapping) else None
    socket = console.get("socket") if isinstance(console, Mapping) else None
    if not isinstance(folder, str) or not isinstance(socket, str | None):
        read = _checked(config)
        return Place(config, read.folder, read.control_socket)
    inside = (base / Path(folder).expanduser()).resolve()
    listens = inside / "control.sock" if socket is None else base / Path(socket).expanduser()
    return Place(config, inside, listens.resolve())


def _read(config: Path) -> Mapping[str, Any]:
    try:
        with config.open("rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError, RecursionError):
        return {}  # what is wrong is said by who reads all of it


def _checked(config: Path) -> Config:
    from ..config import load_config

    return load_config(config)
