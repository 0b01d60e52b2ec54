"""Operations: which there are, one of them, what is over."""

from __future__ import annotations

from typing import Final, cast

from ..actors import What
from ..console.results.operations import Cleaned, Operation, OperationList
from .engine import Engine, Handlers, Handles


async def list_(
    engine: Handles, _who: str, *, state: str | None, kind: str | None, session: str | None
) -> OperationList:
    """Those that match."""
    found = engine.operations.list(state=state, kind=kind, session=session)
    return OperationList(operations=tuple(Operation.model_validate(one) for one in found))


async def watch(engine: Engine, _who: str, *, id: int) -> Operation:  # noqa: A002 - its name
    """One as it is now."""
    return Operation.model_validate(engine.operations.get(id))


async def clean(engine: Handles, who: str, *, what: str) -> Cleaned:
    """Forget what is over."""
    return Cleaned(removed=await engine.operations.clean(cast("What", what), who=who))


HANDLERS: Final[Handlers] = {
    "operations list": list_,
    "operations watch": watch,
    "operations clean": clean,
}
