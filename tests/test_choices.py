"""The suite's own options: what they leave out, and what they let pass."""

from __future__ import annotations

import pytest

from . import conftest

pytest_plugins = "pytester"
pytestmark = pytest.mark.packaging

TESTS = """
import pytest

@pytest.mark.parametrize("number", [1, 2, 3])
def test_numbers(number): ...

def test_other(): ...

@pytest.mark.skip(reason="no mount")
def test_left_out(): ...
"""


class Choices:
    """Those of the suite's hooks that its options are about."""

    pytest_addoption = staticmethod(conftest.pytest_addoption)
    pytest_collection_modifyitems = staticmethod(conftest.pytest_collection_modifyitems)
    pytest_runtest_makereport = staticmethod(conftest.pytest_runtest_makereport)


@pytest.mark.parametrize(
    ("place", "option", "outcomes"),
    [
        ("storage", "-q", {"passed": 4, "skipped": 1}),
        ("storage", "--once", {"passed": 2, "skipped": 1, "deselected": 2}),
        ("console", "--once", {"passed": 4, "skipped": 1}),
        ("storage", "--no-skips", {"passed": 4, "errors": 1}),
    ],
)
def test_an_option_leaves_out_what_it_says(
    pytester: pytest.Pytester, place: str, option: str, outcomes: dict[str, int]
) -> None:
    pytester.mkdir(place).joinpath("test_it.py").write_text(TESTS, encoding="utf-8")
    pytester.makeini("[pytest]")
    without = ("-p", "no:hypothesispytest", "-p", "no:asyncio")

    done = pytester.runpytest_inprocess(place, option, *without, plugins=[Choices()])

    assert done.parseoutcomes() == outcomes
