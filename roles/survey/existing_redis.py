"""Find out whether other programs use the host's existing Redis. Pure: no I/O.

The bundle's settings close its port, revoke its users' rights and change its eviction: other
programs could no longer use this Redis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omeroweb_ops.shared.finding import Finding

from ..inventory.settings import Settings
from ..operations import shell_file

# The message for each word of the survey.
_SIGNS = {
    "configuration": "/etc/redis/redis.conf differs from the package's",
    "password": "it asks for a password",
    "keys": "it holds keys that are not OMERO.web's",
    "channels": "programs listen to its channels",
    "data": "it is stopped and has data in /var/lib/redis",
}
_IRREGULAR = "irregular"  # a pipe, a device, a directory or a link to nothing
SCRIPT = shell_file.read(__file__, "existing_redis.sh")  # part of the survey


def read(output: Iterable[str]) -> tuple[str, ...]:
    """Return the signs of use in the survey's output."""
    said = {line.removeprefix("redis=") for line in output if line.startswith("redis=")}
    return tuple(sign for sign in (*_SIGNS, _IRREGULAR) if sign in said)


def errors(settings: Settings, signs: Iterable[str]) -> Iterator[Finding]:
    """Yield the reasons why this Redis must not be changed, or cannot be started."""
    signs = {*signs}
    if _IRREGULAR in signs:
        signs.discard(_IRREGULAR)
        yield Finding(
            "/etc/redis/redis.conf",
            "is not a file that Redis can start with; move it away, and restore the package's: "
            "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss redis-server",
        )
    reasons = "; ".join(words for sign, words in _SIGNS.items() if sign in signs)
    if reasons and not settings.redis_takeover:
        yield Finding(
            "groups",
            f"other programs use the Redis on this host ({reasons}), and a deploy would take it "
            "from them; put another host into the group redis, or set web_redis_url to the address "
            "of this Redis without a group redis, or, if only OMERO.web uses it, set "
            "redis_takeover = True",
        )
