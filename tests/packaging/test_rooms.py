"""What the folders promise: few modules in each, none too long, arrows that only point down.

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
    "bridges",
    "console",
    "loopback",
    "metrics",
    "notify",
    "storage",
    "supervision",
    "telegram",
)
BESIDE = ("benchmarks", "deploy", "simulation")  # no rooms of the product, but read like them
MOST = 20  # modules in a folder; past that it has rooms inside
MOST_LINES = 600  # of a module: past that it has a second subject
LONGEST = 50  # lines of a function: past that it is a table, or two stories
LONGER: Mapping[str, str] = {}
"""Modules and functions that may be longer, as ``folder/module.py:Class.name``, and why."""


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


def sources() -> Iterator[Path]:
    """Every module, once, and what stands beside the rooms."""
    yield from modules().values()
    for folder in BESIDE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def functions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, int]]:
    """Each function by its qualified name, and how many lines it has."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, (node.end_lineno or 0) - node.lineno + 1
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, within)


def too_long() -> dict[str, int]:
    """Modules and functions past their limits, and how many lines they have."""
    found = {}
    for path in sources():
        place, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        if (lines := text.count("\n")) > MOST_LINES:
            found[place] = lines
        for name, lines in functions(ast.parse(text)):
            if lines > LONGEST:
                found[f"{place}:{name}"] = lines
    return found


def test_no_module_and_no_function_is_too_long_but_those_that_say_why() -> None:
    long = too_long()

    assert {place: lines for place, lines in long.items() if place not in LONGER} == {}
    assert [place for place in LONGER if place not in long] == []


def test_functions_are_found_in_classes_and_in_functions() -> None:
    tree = ast.parse("class A:\n    def b(self):\n        def c(): ...\n        return c")

    assert dict(functions(tree)) == {"A.b": 3, "A.b.c": 1}


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
