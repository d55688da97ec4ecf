"""Keep the prefetched facts of each host for a run, while they are valid."""

from __future__ import annotations

import time

from pyinfra.api import Host

from . import run_context
from .prefetch import NO_FACTS, PrefetchedFacts

MAX_AGE = 60.0  # seconds


def remember(host: Host, facts: PrefetchedFacts) -> None:
    """Store the facts of a host for this run."""
    run_context.of(host.state).put(facts, host.name)


def current(host: Host) -> PrefetchedFacts:
    """Return the facts of a host that are still valid, else NO_FACTS."""
    facts = _remembered(host)
    stale = time.monotonic() - facts.at > MAX_AGE
    return NO_FACTS if stale or has_run_something(host) else facts


def was_absent(host: Host, path: str) -> bool:
    """Return whether a path was absent before this run's first command.

    An operation that writes the path then needs no other remote call: it does no harm if the path
    exists by now.
    """
    return _remembered(host).state(path) == "absent"


def _remembered(host: Host) -> PrefetchedFacts:
    return run_context.of(host.state).get(PrefetchedFacts, host.name) or NO_FACTS


def has_run_something(host: Host) -> bool:
    operations = host.state.ops[host.state.inventory.get_host(host.name)]
    return any(each.operation_meta.executed for each in operations.values())
