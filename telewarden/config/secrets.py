"""The base of all configuration tables, and references to secrets kept elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..errors import ForeignOwnerError, MasterKeyMissingError, SecretMissingError, StorageError
from ..errors.redaction import looks_secret, path_shown, variable_shown

Place = Annotated[Path, Field(strict=False)]  # which TOML has as a text


class Table(BaseModel):
    """A table whose keys are all known; what it says stays as it is.

    Its types are TOML's: a text is no number, a number is no switch, and a switch is no number.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=False
    )

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        """TOML's lists are our tuples, so that nobody changes them."""
        if not isinstance(data, Mapping):
            return data
        return {key: tuple(one) if isinstance(one, list) else one for key, one in data.items()}


class Secret(Table):
    """Where a secret is kept: exactly one of ``env``, ``file`` and ``keyring``.

    Args:
        env: the name of an environment variable.
        file: a path, relative to the configuration file; only its owner may read it.
        keyring: ``service/name`` in the system's keyring; for a master key or a proxy's secret.
        create: make the file with a fresh secret when it is missing; for a master key only.
        passphrase: the text is a passphrase (12 characters or more); for a master key only.
    """

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    file: Place | None = None
    keyring: str | None = Field(default=None, pattern=r"^.+/.+$")
    create: bool = False
    passphrase: bool = False

    @field_validator("env", "file", "keyring", mode="before")
    @classmethod
    def _no_secret(cls, value: object) -> object:
        if looks_secret(str(value)):
            raise ValueError("this looks like the secret itself; put it there, and give its place")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.keyring)) != 1:
            raise ValueError("give exactly one of env, file and keyring")
        if self.passphrase and (self.create or self.keyring is not None):
            raise ValueError("passphrase goes with env or file, and not with create")
        if self.create and self.file is None:
            raise ValueError("create goes with file")
        return self

    def read(self, what: str, *, base: Path) -> str:
        """The secret's text.

        Raises:
            SecretMissingError: the variable is not set, the file is missing, empty or another
                user's, or the keyring has no such entry.
        """
        if self.keyring is not None:
            return self._from_keyring(what, self.keyring)
        if self.env is not None:
            value = os.environ.get(self.env, "").strip()
            if not value:
                raise SecretMissingError(what, f"{variable_shown(self.env)} is not set")
            return value
        path = self.path(base)
        _check_owner(what, path)
        try:
            value = path.read_text(encoding="utf-8-sig").strip()
        except UnicodeDecodeError:
            why = "is not UTF-8 text; save it as UTF-8"
            raise SecretMissingError(what, f"{path_shown(path)} {why}") from None
        except OSError as exc:
            why = exc.strerror or type(exc).__name__
            raise SecretMissingError(what, f"{path_shown(path)}: {why}") from None
        if not value:
            raise SecretMissingError(what, f"{path_shown(path)} is empty")
        return value

    def _from_keyring(self, what: str, entry: str) -> str:
        from ..storage import keyring_text  # quick for whoever has no keyring

        service, _, name = entry.rpartition("/")
        try:
            value = keyring_text(service, name).strip()
        except MasterKeyMissingError as exc:
            raise SecretMissingError(what, f"{exc.place} {exc.why}") from None
        if not value:
            raise SecretMissingError(what, f"keyring {entry} is empty")
        return value

    def path(self, base: Path) -> Path:
        """Where the file is, for a secret that is kept in one."""
        return base / (self.file or Path()).expanduser()


def _check_owner(what: str, path: Path) -> None:
    """Refuse a file that another user could have put there."""
    from ..storage import check_owner

    try:
        check_owner(path)
    except ForeignOwnerError as exc:
        why = f"{path_shown(path)} belongs to user {exc.owner}, and this process is {exc.user}"
        raise SecretMissingError(what, why) from None
    except StorageError:
        return  # reading it says why it cannot be read
