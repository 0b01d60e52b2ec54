"""The state file: the world as JSON, replaced atomically.

Logins under way are not kept; whoever was typing a code asks for another.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ...errors import LoopbackStateError
from .deserialize import thaw
from .serialize import FORMAT, freeze
from .world import World


def save(world: World, path: Path) -> None:
    """Replace the file at ``path``; raises ``LoopbackStateError`` when that cannot be done."""
    beside = path.with_name(path.name + ".new")
    try:
        text = json.dumps(freeze(world), separators=(",", ":"))
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)  # it holds auth keys: nobody else may read it
        beside.replace(path)
    except OSError as error:
        raise LoopbackStateError(path, (error.strerror or str(error)).lower()) from error


def load(world: World, path: Path) -> None:
    """Fill an empty world; raises ``LoopbackStateError`` when the file is not one of ours."""
    try:
        data = json.loads(path.read_text())
        if data["format"] != FORMAT:
            raise LoopbackStateError(path, f"its format is {data['format']!r}, not {FORMAT}")
        thaw(world, data)
    except OSError as error:
        raise LoopbackStateError(path, (error.strerror or str(error)).lower()) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise LoopbackStateError(path, f"it is damaged ({type(error).__name__})") from error
