"""Remove the files of older versions of the bundle from /etc/redis, which belongs to redis.

Root neither reads nor writes there, because redis could place a link or a FIFO there.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra.api import operation

from ..operations import known_facts
from ..operations.facts import BooleanFact
from ..operations.privilege import limited, run_as_user
from .configuration import MAIN

FILES = ("/etc/redis/omero-web.conf", "/etc/redis/omero-web-admin.conf")
_INCLUDE = f"include {FILES[0]}"
# timeout: a file there may be a FIFO, which blocks its reader. setsid: without root's terminal.
AS_REDIS = "timeout -k 5 10 setsid -w setpriv --reuid redis --regid redis --clear-groups --"
# Without the include line: its removal needs no restart, because the site's own file comes last.
READ_MAIN = f"{AS_REDIS} cat {MAIN} | grep -vxF {shlex.quote(_INCLUDE)}"
_FIND = (
    f"for f in {' '.join(FILES)}; do "
    '{ [ ! -e "$f" ] && [ ! -L "$f" ]; } || { echo yes; exit; }; done; '
    f"! grep -qxF {shlex.quote(_INCLUDE)} {MAIN} || echo yes"
)
# The line first: Redis does not start if an included file is missing.
_LINE = "\\|^" + _INCLUDE + "$|d"
_REMOVE = f"sed -i {shlex.quote(_LINE)} {MAIN} && rm -f {' '.join(FILES)}"


class HasFormer(BooleanFact):
    """Whether such a file or the include line is left."""

    def command(self) -> str:
        found = limited(run_as_user("redis", _FIND), seconds=10, size=1000)
        return f"if getent passwd redis > /dev/null; then\n{found}\nfi"  # else no package yet


QUESTION = known_facts.Question(HasFormer)


@operation()
def remove() -> Generator[str, None, None]:
    """Remove the files and the include line, about which a package upgrade would ask."""
    if known_facts.answer(QUESTION):
        remove = limited(run_as_user("redis", _REMOVE), seconds=10, size=1000)
        yield f"{{ {remove}\n}} >&2"
