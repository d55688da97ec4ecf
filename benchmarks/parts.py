"""The parts of the benchmarks, in the order in which they run."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from benchmarks.terminal import Measure


@dataclass(frozen=True)
class Part:
    """A module of this package with `measure`. minutes: of a pair, roughly, on two quiet cores."""

    name: str
    module: str
    title: str
    minutes: float
    is_default: bool = True

    def load(self) -> Measure:
        """Import the module, and return its function."""
        module = importlib.import_module(f"benchmarks.{self.module}")
        measure: Measure = module.measure
        return measure


PARTS = (
    Part("deploy", "deploy", "First and idle deploys", 2),
    Part("slow-line", "slow_line", "A first deploy over a slow line", 3),
    Part("source", "source_build", "A first deploy that compiles zeroc-ice", 4, is_default=False),
    Part("configuration", "configuration", "Forty properties", 0.6),
    Part("lifecycle", "lifecycle", "Changes and crashes under load", 6),
    Part("visits", "visits", "What a visitor loads, and requests a second", 1.5),
    Part("tree", "tree", "The tree of /webclient/ on a slow line", 4),
    Part("users", "users", "Fifty users", 8),
    Part("sessions", "sessions", "Expired sessions", 0.5),
    Part("containers", "containers", "A container's start", 1),
    Part("hosts", "many_hosts", "More hosts", 3),
    Part("properties", "properties", "More properties", 2),
    Part("session-files", "session_files", "More session files", 2),
    Part("visitors", "visitors", "More visitors", 8),
    Part("releases", "releases", "More releases", 3),
)


class UnknownPart(ValueError):
    """A name is not that of a part."""


def choose(names: tuple[str, ...]) -> list[Part]:
    """Return the named parts in their order; without names those that run by default.

    Raises UnknownPart for a name that is not a part's.
    """
    known = {part.name for part in PARTS}
    if unknown := [name for name in names if name not in known]:
        raise UnknownPart(f"must be {', '.join(sorted(known))}, not {', '.join(unknown)}")
    return [part for part in PARTS if (part.name in names if names else part.is_default)]
