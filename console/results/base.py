"""The base of every result."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """A value that can be read from the attributes of an engine's own."""

    model_config = ConfigDict(frozen=True, from_attributes=True, extra="forbid")
