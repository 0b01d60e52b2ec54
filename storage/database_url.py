"""Where a database on a server is, without letting its password be seen.

Owns reading the address. Nothing is connected to here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import InvalidRecordError

SCHEMES: Final = ("postgresql://", "postgres://")
WANTED: Final = "as in postgresql://user@host:5432/database"


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """The address of a PostgreSQL database; what is shown of it has no password.

    Args:
        conninfo: as libpq takes it.
        shown: host and database, for people.
        password: where it is not in ``conninfo``.
    """

    conninfo: str = field(repr=False)
    shown: str
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, *, password: str | None = None) -> Self:
        """Read ``postgresql://user:password@host:port/database?option=value``.

        Raises:
            InvalidRecordError: it is none; the message does not repeat it.
        """
        try:
            parts = urlsplit(text)
            port = f":{parts.port}" if parts.port else ""
            options = parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError:
            raise InvalidRecordError("the database's address", "none", WANTED) from None
        if not text.startswith(SCHEMES) or not parts.path.strip("/"):
            raise InvalidRecordError("the database's address", "none", WANTED)
        host = options.get("host", [parts.hostname or ""])[0]
        database = unquote(parts.path.strip("/"))
        return cls(text, f"postgresql://{host}{port}/{database}", password)

    @property
    def holds_password(self) -> bool:
        """Whether the address itself has one, which a configuration must not."""
        parts = urlsplit(self.conninfo)
        return parts.password is not None or "password" in parse_qs(parts.query)

    def __str__(self) -> str:
        return self.shown


Place = Path | DatabaseUrl


def place_of(named: Path | str | DatabaseUrl) -> Place:
    """Where a database is: the address of one on a server, or else a file's path."""
    if isinstance(named, str) and named.startswith(SCHEMES):
        return DatabaseUrl.parse(named)
    return named if isinstance(named, DatabaseUrl) else Path(named)
