"""How full Redis is: said before it refuses logins."""

from __future__ import annotations

from collections.abc import Generator

from omeroweb_ops.shared.redis_memory import Memory
from pyinfra import host, logger
from pyinfra.api import FactBase, operation

from .admin_user import COMMAND


class UsedMemory(FactBase[Memory]):
    """What `INFO memory` says."""

    def command(self) -> str:
        return f"timeout 10 {COMMAND} info memory 2> /dev/null; true"

    @staticmethod
    def default() -> Memory:
        return Memory()

    def process(self, output: list[str]) -> Memory:
        values = dict(line.strip().partition(":")[::2] for line in output)
        return Memory(int(values.get("used_memory") or 0), int(values.get("maxmemory") or 0))


@operation()
def warn_if_full() -> Generator[str, None, None]:
    """Warn where Redis is nearly full. Read-only."""
    if host.state.is_executing:
        used = host.get_fact(UsedMemory)
        if used.scarce:
            logger.warning(f"{host.print_prefix}redis_maxmemory: {used}; write a larger one")
    yield from ()
