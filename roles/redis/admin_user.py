"""Create Redis' user with every right, for root of its host."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api import operation

from ..host_paths import REDIS_ADMIN_SECRET, REDIS_CONFIGURATION
from ..operations import known_facts, shell_file
from ..operations.facts import BooleanFact
from .administrator import RIGHTS, USER
from .configuration import ADMINISTRATOR

_CREATE = shell_file.read(__file__, "create_admin.sh")


class HasAdminUser(BooleanFact):
    """Whether Redis' configuration has the user with root's secret."""

    def command(self) -> str:
        digest = f"$(tr -d '\\n' < {REDIS_ADMIN_SECRET} | sha256sum | cut -c1-64)"
        line = f"user {USER} on #{digest} {RIGHTS}"  # as create_admin.sh writes it
        return (
            f'[ -s {REDIS_ADMIN_SECRET} ] && [ "$(cat {ADMINISTRATOR} 2> /dev/null)" = "{line}" ] '
            "&& echo yes || true"
        )


QUESTION = known_facts.Question(HasAdminUser)


@operation()
def create() -> Generator[str, None, None]:
    """Create the user. Its secret is generated on the host and never leaves the host."""
    if not known_facts.answer(QUESTION):
        yield shell_file.command(
            _CREATE, REDIS_ADMIN_SECRET, REDIS_CONFIGURATION, ADMINISTRATOR, USER
        )
