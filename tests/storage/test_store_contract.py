"""The store keeps to its contract, which leaves none of its methods out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from telewarden.storage import MasterKey, Store

from ..postgres_server import PostgresServer
from .store_contract import StoreContract

pytestmark = pytest.mark.storage


class TestStoreInSqlite(StoreContract):
    def open_at(self, place: Path, master: MasterKey) -> Store:
        return Store.open(place / "warden.db", master)


class TestStoreInPostgres(StoreContract):
    @pytest.fixture(autouse=True)
    def _schema(self, postgres: PostgresServer) -> None:
        self.url = postgres.fresh()

    def open_at(self, place: Path, master: MasterKey) -> Store:
        return Store.open(self.url, master)


# What is about the file; other tests have it.
OF_A_FILE = {"copy_to", "db", "open", "open_short_writer", "open_reader", "path", "place"}
OF_A_WHOLE = {"damage", "replace_all", "size"}


def test_the_contract_speaks_of_every_method_of_a_store() -> None:
    methods = {name for name, _ in inspect.getmembers(Store) if not name.startswith("_")}
    spoken = set(re.findall(r"\.(\w+)\b", inspect.getsource(StoreContract)))

    assert methods - OF_A_FILE - OF_A_WHOLE - spoken == set()
