"""On which databases a module's tests are run: what is about a file, on SQLite alone."""

from __future__ import annotations

from typing import Final

import pytest

BACKENDS: Final = ("sqlite", "postgres")
IN_A_FILE: Final = pytest.mark.parametrize("backend", ["sqlite"])
