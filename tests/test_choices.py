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

@pytest.mark.packaging
def test_of_a_wheel(): ...

@pytest.mark.skip(reason="no mount")
def test_left_out(): ...
"""


class Choices:
    """Those of the suite's hooks that its options are about."""

    pytest_addoption = staticmethod(conftest.pytest_addoption)
    pytest_collection_modifyitems = staticmethod(conftest.pytest_collection_modifyitems)
    pytest_runtest_makereport = staticmethod(conftest.pytest_runtest_makereport)


@pytest.mark.parametrize(
    ("option", "outcomes"),
    [
        ("-q", {"passed": 10, "skipped": 2}),
        ("--once", {"passed": 4, "deselected": 8}),
        ("--no-skips", {"passed": 10, "errors": 2}),
    ],
)
def test_an_option_leaves_out_what_it_says(
    pytester: pytest.Pytester, option: str, outcomes: dict[str, int]
) -> None:
    for name in ("test_it.py", "test_more.py"):
        pytester.path.joinpath(name).write_text(TESTS, encoding="utf-8")
    pytester.makeini("[pytest]\nmarkers = packaging")
    without = ("-p", "no:hypothesispytest", "-p", "no:asyncio")

    done = pytester.runpytest_inprocess(option, *without, plugins=[Choices()])

    assert done.parseoutcomes() == outcomes
