"""Formats of logins by name, and the login that was read from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..session_files.session_file import StoredSession


class LoginFormat(StrEnum):
    """How a program keeps a login."""

    TELETHON_STRING = "telethon-string"
    TELETHON_FILE = "telethon-file"
    PYROGRAM_STRING = "pyrogram-string"
    PYROGRAM_FILE = "pyrogram-file"
    GRAMJS_STRING = "gramjs-string"
    GRAMJS_STORE = "gramjs-store"
    MTCUTE_STRING = "mtcute-string"
    GOTD_JSON = "gotd-json"
    TDATA = "tdata"


TITLES: Final[Mapping[LoginFormat, str]] = {
    LoginFormat.TELETHON_STRING: "a session string of Telethon",
    LoginFormat.TELETHON_FILE: "a .session file of Telethon",
    LoginFormat.PYROGRAM_STRING: "a session string of Pyrogram, Kurigram, Pyrofork or Hydrogram",
    LoginFormat.PYROGRAM_FILE: "a .session file of Pyrogram, Kurigram, Pyrofork or Hydrogram",
    LoginFormat.GRAMJS_STRING: "a session string of GramJS",
    LoginFormat.GRAMJS_STORE: "a session folder of GramJS",
    LoginFormat.MTCUTE_STRING: "a session string of mtcute",
    LoginFormat.GOTD_JSON: "a session of gotd, as JSON",
    LoginFormat.TDATA: "a tdata folder of Telegram Desktop",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLogin:
    """A login as read from what another program keeps.

    Args:
        format: whose it is.
        stored: key, data centre, and what else the format holds.
        test: whether it is of Telegram's test servers.
        account: which of several it is, counted from 1, and of how many.
    """

    format: LoginFormat
    stored: StoredSession
    test: bool = False
    account: tuple[int, int] = (1, 1)

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        return TITLES[self.format]
