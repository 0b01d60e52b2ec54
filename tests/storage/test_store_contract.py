"""The store in SQLite keeps to the contract of a store."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from telewarden.storage import MasterKey, Store, StorePort

from .store_contract import StoreContract

pytestmark = pytest.mark.storage


class TestStoreInSqlite(StoreContract):
    def open_at(self, place: Path, master: MasterKey) -> StorePort:
        return Store.open(place / "warden.db", master)


# What only a store in a file has.
OF_A_FILE = {"copy_to", "db", "open", "open_beside", "open_reader", "path"}


def names_of_the_port() -> set[str]:
    return {name for cls in StorePort.__mro__ for name in vars(cls) if not name.startswith("_")}


def test_the_contract_speaks_of_every_method_of_the_port() -> None:
    spoken = set(re.findall(r"\.(\w+)\b", inspect.getsource(StoreContract)))

    assert names_of_the_port() - spoken == set()


def test_the_port_names_everything_that_a_store_does() -> None:
    store = {name for name, _ in inspect.getmembers(Store) if not name.startswith("_")}

    assert store - OF_A_FILE == names_of_the_port()
