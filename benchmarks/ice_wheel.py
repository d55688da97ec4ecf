"""The zeroc-ice wheel that a deploy has kept: to build it is no part of a comparison."""

from __future__ import annotations

from pathlib import Path

from roles.web.ice import Wheel


def kept_wheel() -> Path:
    """Return the path of the wheel for the test hosts. Raises SystemExit if none is kept yet."""
    wheel = Wheel.wanted(None, "debian-12-x86_64").kept("@docker/any").wheel
    if wheel is None:
        raise SystemExit("no zeroc-ice wheel is kept yet: run a deploy or the tests first")
    return wheel
