"""The paths of a configuration's storage, and how its parts are opened."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config, Secret, load_config, parse_config
from ..errors import StorageError
from ..storage import (
    BackupFolder,
    DatabaseUrl,
    Epoch,
    Lease,
    MasterKey,
    Place,
    SessionFiles,
    Store,
    clear_leftovers,
    database_exists,
)

logger = logging.getLogger(__name__)


class StoragePaths:
    """The places below a configuration's storage folder."""

    def __init__(self, config: Config) -> None:
        self.folder = config.folder
        self._config = config
        self._file = self.folder / "telewarden.db"
        self.session_folder = self.folder / "sessions"
        self.bot_folder = self.folder / "bot"
        self.backup_folder = self.folder / "backups"
        self.lease_folder = self.folder / "leases"
        self.turning = self.folder / "keys.turning"
        secret = config.storage.master_key
        self._key = None if secret.file is None else secret.path(config.base)

    @property
    def database(self) -> Place:
        """The database: a file in the folder, or where the configuration says.

        Raises:
            SecretMissingError: the password is not at its place.
        """
        stored = self._config.storage
        if stored.url is None:
            return self._file
        password = None
        if stored.password is not None:
            password = stored.password.read("storage.password", base=self._config.base)
        return DatabaseUrl.parse(stored.url, password=password)

    def tidy(self, *, now: float) -> int:
        """Remove what killed processes had begun to write; return how many files. Blocks."""
        gone = clear_leftovers(
            self.folder, f".{self._file.name}.new-*", ".snapshot-*.tmp*", now=now
        )
        gone += clear_leftovers(self.session_folder, ".*.twsession.*.tmp", now=now)
        gone += clear_leftovers(self.bot_folder, ".*.twsession.*.tmp", now=now)
        gone += clear_leftovers(self.backup_folder, ".snapshot-*.tmp*", now=now)
        key = self._key
        if key is not None:  # it lies in a folder that may be the user's own
            gone += clear_leftovers(
                key.parent, f".{key.name}.*.tmp", f".{key.name}.new.*.tmp", now=now
            )
        return gone

    def lease(self) -> Lease:
        """Who owns which key on this machine."""
        return Lease(self.lease_folder, everywhere=True)

    def backups(self, *, keep: int = 5) -> BackupFolder:
        """The backups of the whole database."""
        return BackupFolder(self.backup_folder, keep=keep)

    def files(self, store: Store) -> SessionFiles:
        """The sealed session files."""
        return SessionFiles(self.session_folder, store.vault)

    def bot_files(self, store: Store) -> SessionFiles:
        """The admin bot's sealed key, in a folder where no session's file can be."""
        return SessionFiles(self.bot_folder, store.vault)


def counting(database: Place, master: MasterKey, epoch: Epoch) -> Store:
    """The database, open for its one writer, with ``epoch`` counting as its deadlines do.

    A disk that takes nothing keeps nobody from working: then the wall clock is believed.
    """
    store = Store.open(database, master)
    try:
        with store.transaction():
            store.continue_time_base(epoch)
    except StorageError as exc:
        logger.warning("count of time not kept why=%s", exc)
    return store


def config_of(config: Config | Mapping[str, Any] | Path | str) -> Config:
    """A configuration from itself, its tables, or the path of its file."""
    match config:
        case Config():
            return config
        case Mapping():
            return parse_config(config)
        case _:
            return load_config(config)


def master_key_of(config: Config, *, make: bool = True) -> MasterKey:
    """The master key, from where the configuration says that it is.

    With ``make`` one is made where the configuration wants that and nothing is sealed yet. Where
    a database is, its key is lost, and another would only hide that.

    Raises:
        MasterKeyError: it is not there, or is none.
    """
    secret = config.storage.master_key
    if secret.keyring is not None:
        service, _, name = secret.keyring.rpartition("/")
        return MasterKey.from_keyring(service, name)
    if secret.passphrase:
        text = secret.read("storage.master_key", base=config.base)
        return key_from(text, secret, origin="the passphrase in the configuration's place")
    if secret.env is not None:
        return MasterKey.from_env(secret.env)
    path = secret.path(config.base)
    fresh = secret.create and not database_exists(StoragePaths(config).database)
    if make and fresh and MasterKey.make_file(path):
        logger.warning("master key made path=%s; without it nothing stored can be opened", path)
    return MasterKey.from_file(path)


def key_from(text: str, secret: Secret, *, origin: str) -> MasterKey:
    """The master key that a text means, where the configuration keeps such ones.

    Raises:
        MasterKeyError: it means none.
    """
    if secret.passphrase:  # as it is read from its place, where blanks around it do not count
        return MasterKey.from_passphrase(text.strip(), origin=origin)
    return MasterKey.from_text(text, origin=origin)
