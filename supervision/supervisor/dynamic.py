"""A supervisor whose children come and go by command."""

from __future__ import annotations

import asyncio

from ...errors import InvalidSpecError, TooManyChildrenError
from ..policy.exit_reason import Exit
from ..spec.child_spec import AutoShutdown, ChildSpec
from ..spec.supervisor_spec import DynamicSpec
from .base import BaseSupervisor
from .child import Child


class DynamicSupervisor(BaseSupervisor):
    """Each child alone (one for one), started by ``StartChild``, stopped all at once (S17).

    A child that ends and is not restarted is forgotten; one in quarantine stays until released or
    deleted. Nothing is started when the supervisor itself is.
    """

    def __init__(self, spec: DynamicSpec | None = None) -> None:
        self._spec = spec or DynamicSpec()
        super().__init__(self._spec.intensity, AutoShutdown.NEVER)

    def on_start(self) -> None:
        """Children of an earlier incarnation are not known to this one: close their slots."""
        for slot in tuple(self._telewarden_slot.children.values()):
            slot.forget()

    def _check(self, spec: ChildSpec) -> None:
        super()._check(spec)
        if spec.significant:
            raise InvalidSpecError(
                "ChildSpec.significant", True, "False under a dynamic supervisor"
            )

    def _check_room(self) -> None:
        limit = self._spec.max_children
        if limit is not None and len(self._children) >= limit:
            raise TooManyChildrenError(self.path, limit)

    def _keep_down(self, child: Child, exit_: Exit, *, forget: bool) -> None:  # noqa: ARG002
        super()._keep_down(child, exit_, forget=True)

    def _keep_stopped(self, child: Child) -> None:
        self._forget(child)

    async def _stop_all(self) -> None:
        children = tuple(self._children.values())
        await asyncio.gather(
            *(self._termination.stop_and_wait(child) for child in reversed(children))
        )
        for child in children:
            self._forget(child)
