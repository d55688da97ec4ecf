"""A scratch OMERODIR with a configuration that does not serve yet."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .locations import Locations
from .processes import isolated
from .state import config_xml


@contextmanager
def staged(properties: Mapping[str, str], locations: Locations) -> Iterator[dict[str, str]]:
    """The environment of a process that is to see these properties and touch nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Locations(Path(folder), locations.desired_state)
        copy.config_xml.parent.mkdir(parents=True)
        config_xml.write(copy.config_xml, properties)
        yield {**isolated(os.environ), "OMERODIR": folder}
