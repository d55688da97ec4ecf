"""Define the base of every model of the inventory's data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Data of exactly these fields and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
