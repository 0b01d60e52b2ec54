"""Watch over floods: no method is called before Telegram has said that it may be.

A flood of which the answer went under with its line, or its process, is not known to anybody: the
next call hears of it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from telewarden.loopback.faults.rules import FaultRules

from .network import Network
from .surroundings import TIME

__all__ = ["watch_floods"]

EARLY: Final = 2.0  # virtual seconds; what was under way when the flood began still arrives
ROUNDED: Final = 0.001  # virtual seconds; a flood's beginning is reckoned back from its end
ANSWERED_WITHIN: Final = 10.0  # virtual seconds; the same for the answer that tells it


def watch_floods(rules: FaultRules, network: Network, wrong: Callable[[str], None]) -> None:
    """See calls that do not wait for a flood's end.

    Args:
        rules: the data centre's.
        network: over which it is told.
        wrong: given a sentence for each.
    """
    due, heard = rules._due, dict[Any, float]()

    def is_due(rule: Any) -> Any:
        until, now = rule.closed_until, rules._clock()
        if until is not None and rule.fault.method != "*" and now < until - 0.001:
            began = max(until - rule.fault.action.seconds, heard.get(rule.id, 0.0))
            ago = now - began
            lost = network.lost_at - (TIME.now - ago)
            if ago > EARLY and -ROUNDED <= lost < ANSWERED_WITHIN:
                heard[rule.id] = now
            elif ago > EARLY:
                wrong(f"{rule.fault.method} called {until - now:.3f} s before a flood's end")
        return due(rule)

    rules._due = is_due  # type: ignore[method-assign]
