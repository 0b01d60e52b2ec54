"""Operations: which there are, one of them, what is over."""

from __future__ import annotations

from typing import Any, Final, cast

from ..actors import What
from ..console.results.operations import Cleaned, Limits, LimitValues, Operation, OperationList
from ..errors import BadCommandError, InvalidSpecError
from .engine import Engine, Handlers, Handles


async def list_(
    engine: Handles, _who: str, *, state: str | None, kind: str | None, session: str | None
) -> OperationList:
    """Those that match."""
    found = engine.operations.list(state=state, kind=kind, session=session)
    if session is not None and not found:  # those of a deleted session are still listed
        engine.sessions.get(session)
    return OperationList(operations=tuple(Operation.model_validate(one) for one in found))


async def watch(engine: Engine, _who: str, *, id: int) -> Operation:  # noqa: A002 - its name
    """One as it is now."""
    return Operation.model_validate(engine.operations.get(id))


async def remove(engine: Handles, who: str, *, id: int) -> Operation:  # noqa: A002 - its name
    """Forget one."""
    return Operation.model_validate(await engine.operations.remove(id, who=who))


async def clean(engine: Handles, who: str, *, what: str) -> Cleaned:
    """Forget what is over."""
    return Cleaned(removed=await engine.operations.clean(cast("What", what), who=who))


async def begin(
    engine: Engine,
    who: str,
    *,
    kind: str,
    session: str | None,
    steps: int,
    description: str | None,
) -> Operation:
    """Begin one."""
    begun = await engine.operations.begin(
        kind, session=session, steps=steps, description=description or "", who=who
    )
    return Operation.model_validate(begun)


async def advance(
    engine: Engine,
    _who: str,
    *,
    id: int,  # noqa: A002 - its name
    step: int | None,
    steps: int | None,
    description: str | None,
) -> Operation:
    """Say how far it is."""
    moved = await engine.operations.advance(id, step=step, steps=steps, description=description)
    return Operation.model_validate(moved)


async def part(
    engine: Engine,
    _who: str,
    *,
    id: int,  # noqa: A002 - its name
    number: int,
    text: str,
) -> Operation:
    """Add a part, or replace it."""
    return Operation.model_validate(await engine.operations.put_part(id, number, text))


async def end(
    engine: Engine,
    who: str,
    *,
    id: int,  # noqa: A002 - its name
    state: str,
    error: str | None,
) -> Operation:
    """End it."""
    match state:
        case "finished":
            ended = await engine.operations.finish(id, who=who)
        case "failed":
            ended = await engine.operations.fail(id, error or "", who=who)
        case _:
            ended = await engine.operations.cancel(id, who=who)
    return Operation.model_validate(ended)


async def limits(engine: Engine, who: str, *, fields: dict[str, Any]) -> Limits:
    """Show the registry's limits, or change some."""
    if not fields:
        present = LimitValues.model_validate(engine.registry.snapshot.limits)
        return Limits(limits=present, removed=())
    if "who" in fields:
        raise BadCommandError("limits", "there is no limit 'who'; see [registry]")
    try:
        changed = await engine.registry.reconfigure(who=who, **fields)
    except InvalidSpecError as error:
        raise BadCommandError("limits", str(error).partition(".")[2]) from None
    return Limits(limits=LimitValues.model_validate(changed.limits), removed=changed.removed)


HANDLERS: Final[Handlers] = {
    "operations begin": begin,
    "operations advance": advance,
    "operations part": part,
    "operations end": end,
    "limits": limits,
    "operations list": list_,
    "operations watch": watch,
    "operations remove": remove,
    "operations clean": clean,
}
