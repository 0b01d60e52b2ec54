"""The data centre below its ports: its world, its rules, who is connected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Any

from ._tl import types
from .clock import Clock
from .faults.rules import FaultRules
from .rpc import RpcError
from .rsakey import RsaKey
from .stats import Stats
from .threads import LoopGate
from .updates.connections import Connections
from .updates.delivery import Delivery
from .updates.membership import Membership
from .updates.pushes import Pushes
from .world.records import Authorization
from .world.world import World


class DataCentre:
    """Everything but the ports: what is known, who is connected, what goes wrong.

    Args:
        world: what is known.
        host: the address that clients are told to connect to.
        ports: the port of each data centre that is played, by its number.
        handlers: what answers a request, by the request's class.
        code: the login code that everybody is sent; None for a fresh one each time.
        wall: the clock of the wire's own message ids, which must agree with the client's.
        rules_changed: called in the loop when fault rules come or go.
    """

    def __init__(
        self,
        world: World,
        *,
        host: str,
        ports: dict[int, int],
        handlers: Mapping[type, Callable[..., Any]],
        code: str | None,
        wall: Clock,
        rules_changed: Callable[[], None],
    ) -> None:
        self.world, self.host, self.ports, self.wall = world, host, ports, wall
        self.handlers = handlers
        self.rsa = RsaKey()
        self.connections = Connections()
        self.stats = Stats()
        self.gate = LoopGate()
        self.faults = FaultRules(self.stats, world.clock, lambda: self.gate.call(rules_changed))
        self.pushes = Pushes(self.connections, self.stats, self.gate)
        self.delivery = Delivery(world, self.pushes)
        self.membership = Membership(world, self.delivery)
        self.void_duplicates = True
        self.api_ids: frozenset[int] | None = None
        self._code = code
        self._timers: set[asyncio.TimerHandle] = set()

    # Time

    def later(self, seconds: float, deed: Callable[[], None]) -> None:
        """Do something in ``seconds`` of real time, unless the data centre closes before."""

        def due() -> None:
            self._timers.discard(timer)
            deed()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def forget_later(self) -> None:
        """Forget what was to happen later."""
        for timer in list(self._timers):
            timer.cancel()
        self._timers.clear()

    # Logins

    def new_code(self) -> str:
        """The next login code."""
        if self._code is not None:
            return self._code
        return f"{int.from_bytes(self.world.entropy(4), 'little') % 100_000:05}"

    def accepts_api_id(self, api_id: int) -> bool:
        """Whether an application id is one of those allowed; all are, unless some are named."""
        return api_id > 0 and (self.api_ids is None or api_id in self.api_ids)

    # Keys

    def two_on_one_key(self, authorization: Authorization) -> None:
        """Void a key that two open connections use, as Telegram does."""
        if not self.void_duplicates or authorization.void is not None:
            return
        users = [link for link in self.connections.of_key(authorization) if link.is_open]
        if len(users) > 1:
            self.stats.duplicate_keys += 1
            self.void_key(authorization, "AUTH_KEY_DUPLICATED")

    def void_key(self, authorization: Authorization, text: str) -> None:
        """Let a key die: from now on every request with it is answered with ``text``."""
        authorization.void = text
        self.connections.unbind_account(authorization)
        self.world.touch()

    def end_authorization(
        self, authorization: Authorization, text: str, *, notify: bool = True
    ) -> None:
        """End a login from elsewhere; with ``notify`` its client is nudged to ask and find out."""
        self.void_key(authorization, text)
        if notify:
            for link in self.connections.of_key(authorization):
                link.conversation.send(types.UpdatesTooLong())

    def forget_key(self, authorization: Authorization | None) -> None:
        """Forget a key altogether: whoever uses it is answered -404."""
        if authorization is not None:
            self.connections.unbind_account(authorization)
            self.world.keys.pop(authorization.key_id, None)
            self.world.touch()

    def count_error(self, error: RpcError) -> None:
        """Count an error answer, numbers cut off its text."""
        self.stats.errors[re.sub(r"_\d+$", "", error.text)] += 1
