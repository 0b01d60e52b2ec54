"""Two signals that mean the same on either host: a drill, and "there is nothing to run"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drill:
    """A message that makes any supervised actor raise ``DrillError`` in its handler: a real crash.

    Also when it is asked: the asker gets the error, and the actor crashes all the same.
    """

    reason: str = "drill"


class Ignore(Exception):  # noqa: N818 - an answer, not an error
    """Raised in ``__init__`` or ``on_start`` by a child that has nothing to do: no failure.

    Its supervisor keeps the description (a temporary or dynamic child is forgotten) and goes on.
    """
