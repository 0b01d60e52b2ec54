"""An operator's first hour, typed again: ``docs/first-hour.md`` is what the commands answer."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from .first_hour import PAGE, alike, transcript

pytestmark = [pytest.mark.console, pytest.mark.checkout]


@pytest.mark.timeout(180)
def test_the_first_hour_is_as_it_is_printed() -> None:
    with tempfile.TemporaryDirectory() as folder:  # a control socket's path has to be short
        page = transcript(Path(folder))

    assert alike(page) == alike(PAGE.read_text("utf-8"))
