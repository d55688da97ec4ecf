"""What facts of several roles share."""

from __future__ import annotations

from pyinfra.api import FactBase


class YesOrNo(FactBase[bool]):
    """A fact whose command prints `yes` as its last line, or does not."""

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]
