"""Store a snapshot of the configuration, to restore it later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..shared import regular_file
from . import config_xml
from .managed import Record, texts


@dataclass(frozen=True)
class State:
    """A snapshot: every property with its text, and the record of the bundle's properties."""

    properties: Mapping[str, str]
    record: Record

    @classmethod
    def read(cls, path: Path) -> State:
        """Read a snapshot. Raises Unreadable if it is missing or damaged."""
        try:
            state = regular_file.read_json(path)
            return cls(texts(state["properties"]), Record.of(state["record"]))
        except FileNotFoundError:
            raise config_xml.Unreadable("there is no previous configuration to restore") from None
        except (KeyError, TypeError, ValueError) as error:
            raise config_xml.Unreadable(
                f"{path} is not readable ({error}); deploy instead"
            ) from None

    def write(self, path: Path) -> None:
        """Write the snapshot atomically."""
        data = {"properties": dict(self.properties), "record": self.record.data()}
        regular_file.replace(path, json.dumps(data, indent=1, sort_keys=True).encode())
