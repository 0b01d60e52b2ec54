"""Results of bringing logins in and out, and of changing keys."""

from __future__ import annotations

from pydantic import Field

from .base import Result


class Imported(Result):
    """A login came in: whose it was, its key, and what was wrong with the file.

    ``unseen`` processes are other users' and could not be asked whether they have the file open.
    """

    session: str
    format: str
    key_id: str
    entities: int
    damage: str | None
    unseen: int


class Identified(Result):
    """What a file, folder or text is, as far as it says; nothing of it is secret.

    ``account`` is which of how many ``accounts``; ``user_id`` is null where the format has none.
    """

    format: str
    title: str
    key_id: str
    dc_id: int
    address: str
    test: bool
    user_id: int | None
    api_id: int | None
    entities: int
    account: int
    accounts: int


class Exported(Result):
    """A login was given out: into a file, or as a string, which is secret."""

    session: str
    file: str | None
    string: str | None = Field(repr=False)


class KeysRotated(Result):
    """Keys were changed; what is damaged did not open before either."""

    key: str
    damaged: tuple[str, ...]
    resealed: int
