"""What a run is: a scene, and the steps that are taken in it. Plain data, written as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Script", "Step"]

Step = dict[str, Any]
"""``at`` (seconds since the last rest), ``do`` (which act or fault), and what it takes."""

ACTS = frozenset(
    {
        "say", "edit", "delete", "album", "rename", "leave", "return", "slow", "protect", "rights",
        "upgrade", "pass_name", "revoke", "restore", "renew", "logout", "session_delete",
        "pair_add", "pair_change", "pair_remove", "pair_pause", "pair_resume", "pair_move",
        "recover", "rotate", "backup", "overview", "retry",
    }
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Script:
    """A scene and its steps; with its seed it says everything that happens.

    Args:
        seed: of latency, threads, keys: all that is not written down here.
        sessions: names of the accounts that the wardens hold.
        chats: ``name``, ``kind``, ``owner``, ``members``.
        pairs: as in a configuration; chats by their names here.
        settings: pacing and the like.
        pushes: how the data centre numbers what it tells.
        by_code: sessions whose first login is made by code.
        flavours: what of the generator's is in it; for people to read.
        steps: what happens.
    """

    seed: str
    sessions: list[str] = field(default_factory=list)
    chats: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    pushes: dict[str, bool] = field(default_factory=dict)
    by_code: list[str] = field(default_factory=list)
    flavours: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def acts(self) -> int:
        """How many steps are people's or operators' acts, and not faults or rests."""
        return sum(1 for step in self.steps if step["do"] in ACTS)

    def to_json(self) -> str:
        """As text, a step in each line."""
        body = asdict(self)
        steps = body.pop("steps")
        head = json.dumps(body, indent=1, sort_keys=True)[:-2]
        lines = ",\n  ".join(json.dumps(step, sort_keys=True) for step in steps)
        return f'{head},\n "steps": [\n  {lines}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Script:
        """From what ``to_json`` wrote."""
        return cls(**json.loads(text))
