"""stub"""

from .world import World
from pathlib import Path


def load(world: World, path: Path) -> None: ...
def save(world: World, path: Path) -> None: ...
