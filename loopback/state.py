"""stub"""

from pathlib import Path

from .world import World


def load(world: World, path: Path) -> None: ...
def save(world: World, path: Path) -> None: ...
