"""What the folders promise: few modules in each, arrows that only point down, no circles.

Read from the source, so that imports for a type checker and imports within functions count as well.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.checkout]

ROOT = Path(__file__).parents[2]
ROOMS = (
    "actors",
    "console",
    "loopback",
    "metrics",
    "notify",
    "storage",
    "supervision",
    "telegram",
)
MOST = 20  # modules in a folder; past that it has rooms inside


@cache
def modules() -> Mapping[str, Path]:
    """Every module and package there is, by the name under which it is imported."""
    found = {}
    for room in (*ROOMS, "telewarden"):
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if any(part in ROOMS for part in parts[1:2]):
                continue  # the same folder again, through a link
            name = ".".join(parts if room == "telewarden" else ("telewarden", *parts))
            found[name.removesuffix(".__init__")] = path
    return found


def is_package(name: str) -> bool:
    return modules()[name].name == "__init__.py"


def imported(name: str) -> Iterator[str]:
    """What a module imports of ours; of a face the submodule where one is meant."""
    package = name if is_package(name) else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(modules()[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in modules())
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for one in node.names:
                submodule = f"{base}.{one.name}"
                meant = submodule in modules() and one.name not in exported(base)
                if meant or base in modules():
                    yield submodule if meant else base


@cache
def exported(package: str) -> frozenset[str]:
    """The names that a package has from its modules: one may be called like a module."""
    tree = ast.parse(modules()[package].read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return frozenset(one.asname or one.name for node in nodes for one in node.names)


@cache
def arrows() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(imported(name)) - {name} for name in modules()}


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle of a graph, empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def inside(folder: str) -> dict[str, set[str]]:
    """The arrows between what lies in one folder; a folder in it is one thing with all it holds."""
    graph: dict[str, set[str]] = {}
    for start, ends in arrows().items():
        for end in ends:
            if start.startswith(f"{folder}.") and end.startswith(f"{folder}."):
                one, other = (
                    name.removeprefix(f"{folder}.").partition(".")[0] for name in (start, end)
                )
                graph.setdefault(one, set()).update({other} - {one})
    return graph


FOLDERS = [name for name in modules() if is_package(name)]


def test_the_modules_are_found_with_what_they_import() -> None:
    assert len(modules()) > 350
    assert "telewarden.actors.context" in arrows()["telewarden.actors.session.actor"]
    assert "telewarden.supervision" in arrows()["telewarden.actors.session.actor"]
    assert circle({"a": ["b"], "b": ["c"], "c": ["a"]})


def test_a_folder_holds_at_most_twenty_modules() -> None:
    held = Counter(name.rpartition(".")[0] for name in modules() if not is_package(name))

    assert {folder: count for folder, count in held.items() if count > MOST} == {}


def test_no_module_comes_back_to_itself_by_what_it_imports() -> None:
    assert circle(arrows()) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_arrow_between_what_lies_in_a_folder_only_points_down(folder: str) -> None:
    assert circle(inside(folder)) == []


def test_what_is_in_a_room_does_not_import_its_face() -> None:
    own = [
        f"{name} imports {end}"
        for name, ends in arrows().items()
        for end in ends
        if name.startswith(f"{end}.") and is_package(end)
    ]

    assert own == []
