"""A configuration as it stood, to go back to."""

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
    """Every property with its text, and what of it is the bundle's."""

    properties: Mapping[str, str]
    record: Record

    @classmethod
    def read(cls, path: Path) -> State:
        """Raises Unreadable where there is none or it is damaged."""
        try:
            state = regular_file.read_json(path)
            return cls(texts(state["properties"]), Record.of(state["record"]))
        except FileNotFoundError:
            raise config_xml.Unreadable("there is no earlier state to go back to") from None
        except (KeyError, TypeError, ValueError) as error:
            raise config_xml.Unreadable(
                f"{path} is not readable ({error}); deploy instead"
            ) from None

    def write(self, path: Path) -> None:
        """In one step."""
        data = {"properties": dict(self.properties), "record": self.record.data()}
        regular_file.replace(path, json.dumps(data, indent=1, sort_keys=True).encode())
