"""The exit statuses of the verbs. docs/commands.md has the table."""

from __future__ import annotations

OK = 0
ERROR = 1  # the verb could not do its work; `status` and `doctor` say 2
CHANGES = 2  # of `plan`: a deploy would change something
INTERRUPTED = 130  # by Ctrl-C: 128 and the number of the signal, as shells have it

# The status of a verb that cannot run: a wrong option, no such site, a host that cannot be reached.
FAILURES = {"audit": 2, "doctor": 2, "status": 2}


def failure(verb: str | None) -> int:
    """Return the exit status of a verb that cannot run."""
    return FAILURES.get(verb or "", ERROR)
