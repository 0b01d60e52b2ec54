"""A built wheel, held against the checkout: what only a wheel can lack, looked for one by one.

wheel.py files WHEEL    each committed file of the packages is in it, byte for byte, and no other
wheel.py needs          what any module imports, be it in a function, is here: all extras are
wheel.py needs --bare   the same where no extra is: what they bring may be missing
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
FRONT: Final = "telewarden"
ROOMS: Final = (
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
OF_EXTRAS: Final = {
    "aiohttp",
    "apprise",
    "discord",
    "httpx",
    "mcp",
    "opentelemetry",
    "psycopg",
    "pytest",
    "pytest_asyncio",
    "python_socks",
    "textual",
    "yaml",
}
UNNAMED: Final = {"cryptg", "uvloop"}  # an extra's as well, and imported by others than us


def main(words: list[str]) -> list[str]:
    """What is wrong, a line each."""
    match words:
        case ["files", wheel]:
            return list(_unlike(Path(wheel)))
        case ["needs"]:
            return list(_missing(set()))
        case ["needs", "--bare"]:
            return list(_missing(OF_EXTRAS | UNNAMED))
    raise SystemExit(__doc__)


def _unlike(wheel: Path) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as packed:
        held = {name: packed.read(name) for name in packed.namelist() if ".dist-info/" not in name}
    wanted = {_inside(path): (ROOT / path).read_bytes() for path in _committed()}
    for name in sorted(wanted.keys() | held.keys()):
        if name not in held:
            yield f"the wheel lacks {name}; see packages and package_data in setup.cfg"
        elif name not in wanted:
            yield f"the wheel holds {name}, which is not committed"
        elif held[name] != wanted[name]:
            yield f"the wheel holds another {name} than what is committed"


def _committed() -> list[Path]:
    command = ["git", "ls-files", "-z", "--", FRONT, *ROOMS]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(name) for name in told.split("\0") if name]
    return [path for path in paths if not (ROOT / path).is_dir()]  # a room's link in the front door


def _inside(path: Path) -> str:
    """The name under which the wheel has it."""
    return path.as_posix() if path.parts[0] == FRONT else f"{FRONT}/{path.as_posix()}"


def _missing(allowed: set[str]) -> Iterator[str]:
    (home,) = importlib.util.find_spec(FRONT).submodule_search_locations
    wanted = dict[str, object].fromkeys(UNNAMED, "an extra")
    for path in sorted(Path(home).rglob("*.py")):
        for name in _imported(ast.parse(path.read_bytes())):
            wanted.setdefault(name, path.relative_to(home))
    for name, place in sorted(wanted.items()):
        if name.partition(".")[0] not in allowed and not _is_here(name):
            yield f"{name} is not here, and {place} wants it; see the requirements in setup.cfg"


def _imported(tree: ast.AST) -> Iterator[str]:
    """The modules of others that a module imports, wherever in it."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            if name.partition(".")[0] not in {FRONT, *sys.stdlib_module_names}:
                yield name


def _is_here(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # of what is around it
        return False
    except ValueError:  # it puts another object in its place when it is imported
        return True


if __name__ == "__main__":
    wrong = main(sys.argv[1:])
    print("\n".join(wrong) or f"{' '.join(sys.argv[1:])}: nothing is missing")
    sys.exit(bool(wrong))
