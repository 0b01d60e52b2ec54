"""How long to wait before the next incarnation.

Pure: tenacity's ``wait_*`` objects are asked for a number of seconds; nothing waits here.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from tenacity import Future, RetryCallState
from tenacity.wait import wait_base

logger = logging.getLogger(__name__)


def delay_before(wait: wait_base, attempt: int, error: BaseException | None = None) -> float:
    """Seconds that ``wait`` asks for before attempt number ``attempt`` (the first is 1).

    One that raises is logged and asks for none.
    """
    state = RetryCallState(retry_object=cast("Any", None), fn=None, args=(), kwargs={})
    state.attempt_number = attempt
    if error is not None:
        # wait_exception and friends look at the error that ended the last attempt
        state.outcome = Future(attempt)
        state.outcome.set_exception(error)
    try:
        return max(0.0, float(wait(state)))
    except Exception:  # user's code, in a supervisor (S24): a wait is not worth a whole group
        logger.exception("backoff failed wait=%s", type(wait).__name__)
        return 0.0
