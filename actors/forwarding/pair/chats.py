"""The source and target of a pair: which chats they are, and by which names found. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ....telegram.addressing.names import ME
from ...messages import PairPlan


@dataclass(frozen=True, slots=True)
class PairChats:
    """The chats of a pair by their marked ids, once they are known.

    Args:
        source, target: where they are; a handler's pair has 0 as its target.
        known: what they were when that was last written down.
        named: by which name or number they were found then; only while the plan gives the same
            they stay the ones they were.
    """

    source: int | None = None
    target: int | None = None
    known: tuple[int, int] | None = None
    named: tuple[str | None, str | None] = (None, None)

    @classmethod
    def found(cls, plan: PairPlan, source: int, target: int) -> PairChats:
        """Those that the plan means now."""
        named = (str(plan.source), str(plan.target))
        return cls(source, target, (source, target), named)

    @classmethod
    def adopted(
        cls,
        plan: PairPlan,
        known: tuple[int, int] | None = None,
        named: tuple[str | None, str | None] = (None, None),
    ) -> PairChats:
        """Those of an earlier run, as far as the plan does not say otherwise."""
        source, target = (*cls(known=known, named=named).wanted(plan), plan.target)[:2]
        return cls(
            source if isinstance(source, int) else None,
            target if isinstance(target, int) else None,
            known,
            named,
        )

    def wanted(self, plan: PairPlan) -> tuple[int | str, ...]:
        """Source and target as they are looked for; a handler's pair has no target chat.

        What was found by the name or number that the plan gives stays the chat that it was.
        """
        planned = (plan.source, plan.target)[: 1 if plan.target == 0 else 2]
        return tuple(self._kept(side, chat) for side, chat in enumerate(planned))

    def names(self, plan: PairPlan) -> dict[int, str]:
        """The names by which chats are known, by what they are looked for by."""
        return {
            chat: name
            for chat, name in zip(self.wanted(plan), (plan.source, plan.target), strict=False)
            if isinstance(chat, int) and isinstance(name, str) and name.startswith("@")
        }

    def _kept(self, side: int, planned: int | str) -> int | str:
        if self.known is None or planned == ME:  # which is another chat for another account
            return planned
        known, name = self.known[side], self.named[side]
        unnamed = name is None and (isinstance(planned, str) or planned == known)
        return known if unnamed or name == str(planned) else planned
