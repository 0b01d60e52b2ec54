"""Data access for ``pair_plans``: changes of pairs made at run time.

Owns ``pair_plans``. A plan may hold a handler's secrets, so it is sealed. What a plan means, and
whether a decision still stands, is for the registry to say.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from ...errors import SealDamagedError
from ..records import PlanRow
from .connection import TableAccess, mapping_from_json, to_json

logger = logging.getLogger(__name__)

ADDED_AT: Final = "added_at"  # a plan's field, in seconds of the count
SELECT: Final = "select id, sealed, declared from pair_plans order by id"


class PlanRows(TableAccess):
    """Pairs that were added, changed, moved or removed at run time."""

    def put_plans(self, rows: Iterable[PlanRow]) -> None:
        """Store decisions; each takes the place of an earlier one about the same pair.

        A power cut undoes none: an account that had a pair again would send what the next one has.
        """
        with self.transaction():
            self._sync_when_stored()
            self._run_many(
                "insert into pair_plans (id, sealed, declared) values (?, ?, ?)"
                " on conflict (id) do update set"
                " sealed = excluded.sealed, declared = excluded.declared",
                [(row.id, self._sealed(row), row.declared) for row in rows],
            )

    def plans(self) -> list[PlanRow]:
        """Return all decisions, by pair; one whose plan does not open is logged and left out."""
        found = []
        for id_, sealed, declared in self._all(SELECT):
            try:
                plan = None if sealed is None else self.vault.open(_place(id_), sealed).decode()
            except SealDamagedError as exc:
                logger.error("pair plan damaged pair=%d why=%s; add it again", id_, exc.what)
                continue
            plain = None if plan is None else mapping_from_json(plan)
            found.append(PlanRow(id=id_, plan=plain, declared=declared))
        return found

    def forget_plans(self, pair_ids: Sequence[int]) -> None:
        """Forget what was decided about these pairs; the configuration is obeyed again."""
        with self.transaction():
            self._sync_when_stored()
            self._run(
                "delete from pair_plans where id in (select value from json_each(?))",
                (json.dumps(list(pair_ids)),),
            )

    def _shift_plans(self, seconds: float) -> None:
        """Let pairs have been added as long ago as before, now that the count is another."""
        moved = list[PlanRow]()
        for row in self.plans():
            at = None if row.plan is None else row.plan.get(ADDED_AT)
            if row.plan is not None and isinstance(at, int | float):
                moved.append(replace(row, plan={**row.plan, ADDED_AT: at + seconds}))
        self.put_plans(moved)

    def _sealed(self, row: PlanRow) -> bytes | None:
        if row.plan is None:
            return None
        return self.vault.seal(_place(row.id), to_json(dict(row.plan)).encode())


def _place(pair_id: int) -> str:
    return f"pair_plans/{pair_id}"
