"""Whether programs other than OMERO.web use the Redis that a host has already. Pure: no I/O.

The bundle's settings close its port, take the rights of its users and change what it drops when it
is full: a Redis that others use would be lost to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omeroweb_ops.shared.finding import Finding

from ..inventory.settings import Settings
from ..operations import shell_file

# What each word of the survey means.
_SIGNS = {
    "configuration": "/etc/redis/redis.conf is not as the package has it",
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
    """Return why this Redis must not be changed, or cannot be started."""
    signs = {*signs}
    if _IRREGULAR in signs:
        signs.discard(_IRREGULAR)
        yield Finding(
            "/etc/redis/redis.conf",
            "is not a file that Redis can start with; move it away, and put the package's back: "
            "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss redis-server",
        )
    reasons = "; ".join(words for sign, words in _SIGNS.items() if sign in signs)
    if reasons and not settings.redis_takeover:
        yield Finding(
            "groups",
            f"the Redis on this host is used by others ({reasons}), and a deploy would take it "
            "from them; put another host into the group redis, or write the address of this Redis "
            "as web_redis_url without a group redis, or, if it is OMERO.web's alone, "
            "redis_takeover = True",
        )
