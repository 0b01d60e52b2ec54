"""Blocking methods made from the async ones of a handle, with their signatures and docstrings.

Owns the making. How a coroutine is run from plain code, each kind of handle says itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

T = TypeVar("T")
H = TypeVar("H")
P = ParamSpec("P")


class BlockingHandle(Generic[H]):
    """An async handle whose methods are called from plain code."""

    _handle: H

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine whose awaits are answered at once, as those of a blocking client are."""
        try:
            work.send(None)
        except StopIteration as end:
            return cast("T", end.value)
        work.close()
        raise RuntimeError("a blocking client has let a coroutine wait")


def blocking(
    method: Callable[Concatenate[H, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingHandle[H], P], T]:
    """The same method, signature and explanation, that waits for its result."""

    @functools.wraps(method)
    def wrapper(self: BlockingHandle[H], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._run(method(self._handle, *args, **kwargs))

    return wrapper
