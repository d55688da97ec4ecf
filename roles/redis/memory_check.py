"""Warn of a Redis that is nearly full, before it refuses logins."""

from __future__ import annotations

import re
from collections.abc import Generator

from omeroweb_ops.shared.redis_memory import Memory
from pyinfra import host, logger
from pyinfra.api import operation

from ..host_paths import REDIS_COMMAND
from ..operations import known_facts
from ..operations.facts import HostFact


class UsedMemory(HostFact[Memory]):
    """Redis' used memory and limit, from `INFO memory`."""

    def command(self) -> str:
        # limited in time and size: a process of the user redis may answer
        return f"timeout -k 5 10 {REDIS_COMMAND} info memory 2> /dev/null | head -c 10000; true"

    @staticmethod
    def default() -> Memory:
        return Memory()

    def process(self, output: list[str]) -> Memory:
        text = "\n".join(output)

        def number(name: str) -> int:
            found = re.search(rf"^{name}:([0-9]{{1,18}})\s*$", text, re.MULTILINE)
            return int(found[1]) if found else 0

        return Memory(number("used_memory"), number("maxmemory"))


QUESTION = known_facts.Question(UsedMemory)


@operation()
def warn_if_full() -> Generator[str, None, None]:
    """Warn if Redis is nearly full. Read-only."""
    if host.state.is_executing:
        used = known_facts.answer(QUESTION)
        if used.scarce:
            logger.warning(f"{host.print_prefix}redis_maxmemory: {used}; set a larger one")
    yield from ()
