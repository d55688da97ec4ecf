"""The checks of `omeroweb-ops doctor`: pure functions of the probes' results.

A new check is a function in the module of its subject, and a line in `findings` there, or in
`run_all` here if the module has no `findings`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..public_probe import PublicState
from ..result import CheckResult
from . import anonymous, cookies, local, login, tls, visitor


def run_all(seen: PublicState) -> Iterator[CheckResult]:
    """Run every check, in the order in which a visitor depends on them."""
    yield from local.findings(seen)
    yield from visitor.check_name(seen)
    yield from tls.findings(seen)
    yield from visitor.check_pages(seen)
    yield from login.findings(seen)
    yield from cookies.findings(seen)
    yield from anonymous.findings(seen)
    yield from visitor.check_clock(seen)
