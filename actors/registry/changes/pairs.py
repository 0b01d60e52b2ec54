"""Addition, change, move and removal of pairs, on a transaction, all or nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType

from ....errors import (
    PairBusyError,
    PairChangedError,
    PairExistsError,
    PairFaultError,
    SessionFullError,
)
from ....supervision import Ask
from ....telegram.addressing.names import shown_chat
from ...messages import PairPlan
from ...pair_graph import Fault
from ..messages import RegistryWrite
from ..pair_events import PairAdded, PairChanged, PairRemoved, PairsMoved
from .operation_tracker import give_up_backfill
from .transaction import Transaction

SHOWN = ("session", "source", "target", "mode", "enabled", "handler")  # in the audit trail


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPair(RegistryWrite, Ask[PairPlan]):
    """Let there be one more pair; number 0 stands for the next free one. Answered with its plan.

    ``found`` are its chats, as far as they have been looked for.
    """

    plan: PairPlan
    found: Mapping[int | str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePair(RegistryWrite, Ask[PairPlan]):
    """Let a pair that is as ``before`` go on as ``after``. Answered with its plan."""

    before: PairPlan
    after: PairPlan = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePair(RegistryWrite, Ask[PairPlan]):
    """Let a pair that was let go be gone, with its outbox. Answered with its plan."""

    pair: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePairs(RegistryWrite, Ask[Mapping[int, str]]):
    """Let pairs that were let go be another session's. Answered with whose they were."""

    pairs: tuple[int, ...]
    to: str


def add(transaction: Transaction, message: AddPair) -> PairPlan:
    """Add a pair."""
    plan = message.plan
    plan = replace(plan, added_at=transaction.now)
    if plan.id == 0:
        plan = replace(plan, id=transaction.pairs.next_id())
    if transaction.pairs.find(plan.id) is not None:
        raise PairExistsError(plan.id)
    _has_room(transaction, plan.session, 1)
    _refuse_fault(transaction.pairs.fault(plan, message.found))
    transaction.pairs.put(plan.id, plan)
    transaction.note(message.who, "add pair", f"pair {plan.id}", None, _shown(plan))
    transaction.events.append(
        PairAdded(at=transaction.now, pair=plan.id, session=plan.session, who=message.who)
    )
    return plan


def change(transaction: Transaction, message: ChangePair) -> PairPlan:
    """Change a pair in place, if nobody has changed it meanwhile."""
    before, after = message.before, replace(message.after, added_at=message.before.added_at)
    if transaction.pairs.plan(before.id) != before:
        raise PairChangedError(before.id)
    old, new = asdict(before), asdict(after)
    fields = tuple(name for name in old if old[name] != new[name])
    if not fields:
        return before
    if transaction.pairs.fault(before) is None:  # what is wrong already is mended one by one
        _refuse_fault(transaction.pairs.fault(after))
    transaction.pairs.put(after.id, after)
    transaction.note(
        message.who,
        "change pair",
        f"pair {after.id}",
        _shown(before, fields),
        {**_shown(after, fields), "fields": list(fields)},
    )
    transaction.events.append(
        PairChanged(
            at=transaction.now, pair=after.id, session=after.session, who=message.who, fields=fields
        )
    )
    return after


def remove(transaction: Transaction, message: RemovePair) -> PairPlan:
    """Take a pair out."""
    plan = _let_go(transaction, (message.pair,))[0]
    transaction.pairs.put(plan.id, None)
    give_up_backfill(transaction, plan.id, "the pair was removed")
    transaction.note(message.who, "remove pair", f"pair {plan.id}", _shown(plan))
    transaction.events.append(
        PairRemoved(at=transaction.now, pair=plan.id, session=plan.session, who=message.who)
    )
    return plan


def move(transaction: Transaction, message: MovePairs) -> dict[int, str]:
    """Give pairs to another session, all of them or none."""
    plans = _let_go(transaction, message.pairs)
    before = {plan.id: plan.session for plan in plans}
    _has_room(transaction, message.to, sum(1 for name in before.values() if name != message.to))
    for plan in plans:
        transaction.pairs.put(plan.id, replace(plan, session=message.to))
    transaction.note(
        message.who,
        "reassign",
        message.to,
        {str(pair): name for pair, name in before.items()},
        {"session": message.to},
    )
    transaction.events.append(
        PairsMoved(
            at=transaction.now, pairs=MappingProxyType(before), to=message.to, who=message.who
        )
    )
    return before


def _refuse_fault(fault: Fault | None) -> None:
    if fault is not None:
        raise PairFaultError(fault.sentence, fault=fault.name, pairs=fault.pairs)


def _has_room(transaction: Transaction, session: str, more: int) -> None:
    entry, pairs = transaction.session(session), transaction.pairs.count(session) + more
    if pairs > entry.max_pairs:
        raise SessionFullError(session, pairs=pairs, limit=entry.max_pairs)


def _let_go(transaction: Transaction, pairs: Iterable[int]) -> list[PairPlan]:
    """The plans of pairs that nobody works for at the moment.

    Raises:
    """
    plans = [transaction.pairs.plan(pair) for pair in pairs]
    for plan in plans:
        if plan.id not in transaction.pairs.in_transfer:
            raise PairBusyError(plan.id)
    return plans


def _shown(plan: PairPlan, fields: Iterable[str] = SHOWN) -> dict[str, object]:
    """What others may read of a plan; rules and a handler's options are not shown."""
    told = {name: getattr(plan, name) for name in SHOWN if name in fields}
    chats = (one for one in ("source", "target") if isinstance(told.get(one), str))
    return {**told, **{one: shown_chat(told[one]) for one in chats}}
