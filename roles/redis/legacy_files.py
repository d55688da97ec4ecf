"""What older versions of the bundle left in /etc/redis, which belongs to redis.

Root neither reads nor writes there: a link or a FIFO in the place of a file would be redis' own.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation

from ..operations.facts import BooleanFact
from ..operations.privilege import limited, run_as_user

MAIN = "/etc/redis/redis.conf"
FILES = ("/etc/redis/omero-web.conf", "/etc/redis/omero-web-admin.conf")
_INCLUDE = f"include {FILES[0]}"
# What stands there may be a FIFO, at which a reader waits; setsid: without root's terminal.
AS_REDIS = "timeout -k 5 10 setsid -w setpriv --reuid redis --regid redis --clear-groups --"
# Without the line, whose removal is no reason for a restart: the site's own file has the last word.
READ_MAIN = f"{AS_REDIS} cat {MAIN} | grep -vxF {shlex.quote(_INCLUDE)}"
_FIND = (
    f"for f in {' '.join(FILES)}; do "
    '{ [ ! -e "$f" ] && [ ! -L "$f" ]; } || { echo yes; exit; }; done; '
    f"! grep -qxF {shlex.quote(_INCLUDE)} {MAIN} || echo yes"
)
# The line first: a Redis does not start with one that names no file.
_LINE = "\\|^" + _INCLUDE + "$|d"
_REMOVE = f"sed -i {shlex.quote(_LINE)} {MAIN} && rm -f {' '.join(FILES)}"


class HasFormer(BooleanFact):
    """Whether something is left."""

    def command(self) -> str:
        found = limited(run_as_user("redis", _FIND), seconds=10, size=1000)
        return f"if getent passwd redis > /dev/null; then\n{found}\nfi"  # else no package yet


@operation()
def remove() -> Generator[str, None, None]:
    """The files are gone, and Debian's own does not name them: an upgrade would ask about it."""
    if host.get_fact(HasFormer):
        remove = limited(run_as_user("redis", _REMOVE), seconds=10, size=1000)
        yield f"{{ {remove}\n}} >&2"
