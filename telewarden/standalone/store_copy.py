"""Moving of all that is stored from one configuration's database to another's.

Owns who may be there meanwhile, and what the target must be; the copying is the storage room's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import Config
from ..errors import BadCommandError
from ..service.folder_lease import take_folder_now
from ..service.paths import StoragePaths, config_of, master_key_of
from ..storage import Store

PURPOSE = "copy of the store"


def copy_store(
    source: Config | Mapping[str, Any] | Path | str, target: Config | Mapping[str, Any] | Path | str
) -> int:
    """Copy all rows of one configuration's database into another's, compared row by row.

    Neither may have a warden; both have the same master key, and the target no session yet. Session
    files are not copied: the next start writes them anew.

    Returns:
        How many rows.

    Raises:
        FolderHeldError: a process has one of the folders, and which; nothing has changed.
        WrongMasterKeyError: the target's master key does not open the source.
        BadCommandError: both are one database, or sessions are in the target.
        StorageError: one cannot be used, or a row is not the same; nothing has changed.
    """
    given, wanted = config_of(source), config_of(target)
    there, here = StoragePaths(given).database, StoragePaths(wanted).database
    if str(there) == str(here):
        raise BadCommandError("store copy", f"both configurations name {here}; name another place")
    with contextlib.ExitStack() as held:
        for config in {one.folder: one for one in (given, wanted)}.values():
            held.enter_context(take_folder_now(config, PURPOSE))
        master = master_key_of(wanted, make=False)
        Store.open_reader(there, master).close()  # a wrong key is said before anything is made
        old = held.enter_context(Store.open(there, master))
        new = held.enter_context(Store.open(here, master))
        if new.sessions():
            raise BadCommandError(
                "store copy", f"sessions are in {here} already; name an empty one"
            )
        return new.replace_all(old)
