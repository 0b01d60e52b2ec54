"""One door for logins of any program: what it was given, and the login in it.

What lies in a file or folder is told by its contents, never by its name alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...errors import LoginFormatError
from ..session_files.session_file import MAGIC, bytes_in, columns_of, opened_copy, read_file
from .data_centres import TEST_HOSTS
from .formats import ForeignLogin, LoginFormat
from .gramjs_store import gramjs_names, read_gramjs_store
from .pyrogram_file import read_pyrogram_file
from .strings import LONGEST, read_text
from .tdata import is_tdata, read_tdata

LONGEST_PATH: Final = 4095  # bytes, as Linux has it
PATHS: Final = ("/", "./", "../", "~")
SUFFIXES: Final = frozenset({".session", ".json", ".txt"})
ANEW: Final = "log in anew beside it: telewarden auth SESSION --qr"
REFUSED: Final[Mapping[str, str]] = {  # by a file that only this program keeps
    "td.binlog": "is TDLib's, whose keys no other program can use",
    "safe.php": "is MadelineProto's, which no other program reads",
    "lightState.php": "is MadelineProto's, which no other program reads",
}
FOREIGN: Final[tuple[tuple[str, frozenset[str], str], ...]] = (  # table, its columns, what it is
    ("datacenter", frozenset({"id", "auth"}), "is Telethon 2's, which no release reads yet"),
    ("auth_keys", frozenset({"dc", "key"}), "is mtcute's storage: export a string there"),
)


def read_login(
    path: Path, *, passcode: str | None = None, account: int | None = None
) -> ForeignLogin:
    """Read a file or folder in which some program keeps a login; it is not changed.

    Args:
        path: a ``.session`` file, JSON, a file that holds a session string, or a folder.
        passcode: of Telegram Desktop.
        account: of Telegram Desktop, counted from 1.

    Raises:
        LoginFormatError: it is no login that can be used here, with what it is.
        TelethonFileDamagedError, SessionStringDamagedError: it is Telethon's, and damaged.
    """
    if path.is_dir():
        return _read_folder(path, passcode=passcode, account=account)
    try:
        head = bytes_in(path)[:LONGEST]
    except FileNotFoundError:
        raise LoginFormatError(path, "is not there", "look for its path again") from None
    except OSError as error:
        raise LoginFormatError(path, f"cannot be read: {error.strerror}", "look at it") from None
    if path.name in REFUSED:
        raise LoginFormatError(path, REFUSED[path.name], ANEW)
    if head.startswith(MAGIC) or (not head and path.suffix == ".session"):
        return _read_database(path)
    return _read_text_file(path, head)


def path_in(source: Path | str) -> Path | None:
    """Tell a path from the text of a session string; ``None`` for a text."""
    if isinstance(source, Path):
        return source.expanduser()
    text = source.strip()
    if text.startswith("{") or len(text) > LONGEST_PATH or "\n" in text or "\0" in text:
        return None
    path = Path(text).expanduser()
    with contextlib.suppress(OSError):  # a string may be too long for a name
        if path.exists():
            return path
    return path if text.startswith(PATHS) or path.suffix in SUFFIXES else None


def _read_folder(folder: Path, *, passcode: str | None, account: int | None) -> ForeignLogin:
    for place in (folder, folder / "tdata"):
        if place.is_dir() and is_tdata(place):
            return read_tdata(place, passcode=passcode, account=account)
    if gramjs_names(folder):
        return read_gramjs_store(folder)
    for name, what in REFUSED.items():
        if (folder / name).exists():
            raise LoginFormatError(folder, what, ANEW)
    raise LoginFormatError(
        folder,
        "is a folder of no program that is known",
        "give tdata, a folder of GramJS, or a file",
    )


def _read_database(path: Path) -> ForeignLogin:
    found = read_pyrogram_file(path)
    if found is not None:
        return found
    with opened_copy(path) as database:
        for table, columns, what in FOREIGN:
            if columns_of(database, table) >= columns:
                raise LoginFormatError(path, what, ANEW)
    stored = read_file(path)
    return ForeignLogin(
        format=LoginFormat.TELETHON_FILE, stored=stored, test=stored.parts.host in TEST_HOSTS
    )


def _read_text_file(path: Path, head: bytes) -> ForeignLogin:
    try:
        text = head.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or "\x00" in text:
        raise LoginFormatError(
            path, "is no login of a program that is known", "give a session file"
        )
    return read_text(text, path)
