"""The flood gate's protocol: asked before each call, told of each refusal."""

from __future__ import annotations

from typing import Protocol


class Gate(Protocol):
    """Knows which calls must wait. What it is asked about names chats as Telegram wants them."""

    def refusal(self, request: object, /) -> Exception | None:
        """The error that a call gets instead of being made, if it must wait."""

    def failed(self, request: object, error: BaseException, /) -> None:
        """A call has failed; what it says about when to call again is to be remembered."""
