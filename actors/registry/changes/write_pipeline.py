"""The write pipeline: one transaction is written while the next is tried.

Owns their order and what becomes of them when the disk refuses; carries nothing out. A change is
tried when it comes, so that the work of trying many is done while the disk is busy with those
before them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ..snapshot import RegistrySnapshot
from .apply import Request, attempt
from .transaction import Transaction


class WritePipeline:
    """Requests in the order in which they came.

    Args:
        make_draft: begins a transaction, on top of the one that is being written, if there is one.
    """

    def __init__(self, make_draft: Callable[[Transaction | None], Transaction]) -> None:
        self._make_draft = make_draft
        self._under_way: tuple[Transaction, list[Request]] | None = None
        self._next: tuple[Transaction, list[Request]] | None = None
        self._waiting: deque[Request] = deque()  # after a refusal only
        self._alone = 0

    def take(self, request: Request) -> None:
        """Try a change, unless others have to be tried before it."""
        if self._waiting or self._alone:
            self._waiting.append(request)
        else:
            self._try(request)

    def view(self) -> Transaction:
        """The registry as all that was tried so far would make it; not to be changed."""
        return self._begun()[0] if self._next is not None else self._make_draft(self._before())

    def next(self) -> Transaction | None:
        """The transaction to be written now, if there is any and none is being written."""
        if self._under_way is not None:
            return None
        if self._next is None and self._waiting:
            group = 1 if self._alone else len(self._waiting)
            self._alone -= bool(self._alone)
            for _ in range(group):
                self._try(self._waiting.popleft())
        self._under_way, self._next = self._next, None
        return None if self._under_way is None else self._under_way[0]

    def written(self) -> tuple[Transaction, list[Request]]:
        """The transaction under way is on disk."""
        done, self._under_way = self._under_way, None
        assert done is not None  # noqa: S101 - it was given out by next
        return done

    def shown(self, snapshot: RegistrySnapshot) -> None:
        """What was written is in ``snapshot``, and what comes next stands on that."""
        if self._next is not None:
            self._next[0].rebase(snapshot)

    def refused(self) -> Request | None:
        """The disk refused the transaction under way; returns the request to blame, if alone.

        One bad change must not cost the others theirs: each is tried once more, by itself.
        """
        _, failed = self.written()
        later = [] if self._next is None else self._next[1]
        self._next = None
        blamed = failed[0] if len(failed) == 1 else None
        again = later if blamed is not None else [*failed, *later]
        self._alone += 0 if blamed is not None else len(failed)
        self._waiting.extendleft(reversed(again))
        return blamed

    def drop_all(self) -> list[Request]:
        """Give up; returns every request that has no answer."""
        groups = [group[1] for group in (self._under_way, self._next) if group is not None]
        left = [request for group in groups for request in group] + list(self._waiting)
        self._under_way = self._next = None
        self._waiting.clear()
        return left

    def _try(self, request: Request) -> None:
        transaction, requests = self._begun()
        attempt(transaction, request)
        requests.append(request)

    def _begun(self) -> tuple[Transaction, list[Request]]:
        if self._next is None:
            self._next = (self._make_draft(self._before()), [])
        return self._next

    def _before(self) -> Transaction | None:
        return None if self._under_way is None else self._under_way[0]
