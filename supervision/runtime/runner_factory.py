"""Which runner for which host."""

from __future__ import annotations

from ..spec.child_spec import Host
from .loop_runner import LoopRunner
from .states import Runner
from .thread_runner import ThreadRunner
from .tree_context import Slot


def make_runner(slot: Slot) -> Runner:
    """Make what runs a slot's incarnations: in the tree's loop, or on a thread of their own."""
    return LoopRunner(slot) if slot.spec.placed_on is Host.LOOP else ThreadRunner(slot)
