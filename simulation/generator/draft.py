"""The script that is being made, and the chance that makes it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from ..directions import Direction
from ..script import Script
from .weights import NEEDS, SHARES

__all__ = ["WORDS", "ScriptDraft"]

WORDS: Final = ("gold", "tin", "salt")
"""What people say and pairs' filters look for."""


class ScriptDraft:
    """A script of one seed, with its sessions and flavours; the rest is added to it.

    Args:
        seed: what is drawn is drawn by it.
        direction: what the script is to be about.
    """

    def __init__(self, seed: str, direction: Direction) -> None:
        self.rng = rng = random.Random(f"script {seed}")
        self.direction = direction
        self.script = script = Script(seed=seed)
        count = rng.choice((1, 1, 2, 3))
        script.sessions = [f"s{n}" for n in range(direction.sessions or count)]
        self.flavour = {name: rng.random() < share for name, share in SHARES.items()}
        self.flavour |= dict.fromkeys(direction.on, True) | dict.fromkeys(direction.off, False)
        script.flavours = [name for name, there in self.flavour.items() if there]
        script.pushes = {
            "echo": rng.random() < 0.3,
            "number_channels": rng.random() < 0.3,
        } | direction.pushes
        script.settings = dict(direction.settings)
        if self.flavour["by code"]:
            script.by_code = [name for name in script.sessions if rng.random() < 0.6]

    def weighted(self, usual: Mapping[str, float], wanted: Mapping[str, float] | None) -> str:
        """One of what may be, by its weight."""
        weights = {
            name: weight
            for name, weight in (usual if wanted is None else wanted).items()
            if self.flavour.get(NEEDS.get(name, ""), True)
        }
        return self.rng.choices(list(weights), list(weights.values()))[0]
