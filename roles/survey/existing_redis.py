"""Whether programs other than OMERO.web use the Redis that a host has already. Pure: no I/O.

The bundle's settings close its port, take the rights of its users and change what it drops when it
is full: a Redis that others use would be lost to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omeroweb_ops.shared.finding import Finding

from ..inventory.settings import Settings

# What each word of the survey means.
_SIGNS = {
    "configuration": "/etc/redis/redis.conf is not as the package has it",
    "password": "it asks for a password",
    "keys": "it holds keys that are not OMERO.web's",
    "channels": "programs listen to its channels",
    "data": "it is stopped and has data in /var/lib/redis",
}
_IRREGULAR = "irregular"  # a pipe, a device, a directory or a link to nothing
# Part of the survey, until the bundle's own configuration is there: `redis=SIGN` a line. A Redis
# that an older version of the bundle set up (/etc/redis/omero-web.conf) has OMERO.web's keys, and
# those of its plugins, in the databases 0 and 1. Whatever Redis says is compared and never shown;
# a FIFO in the place of a file of redis' ends by the timeout.
SCRIPT = r"""
[ ! -e /etc/redis/redis.conf ] && [ ! -L /etc/redis/redis.conf ] || [ -f /etc/redis/redis.conf ] ||
  echo redis=irregular
redis_signs() {
  [ -x /usr/bin/redis-server ] && [ ! -e /etc/omero-web-redis/omero-web.conf ] || return 0
  cli=redis-cli
  ask() { timeout 5 $cli "$@" < /dev/null 2> /dev/null; }
  known='^:[0-9]+:(django\.contrib\.sessions\.cache|omero\.web\.|lut_hash_)'
  if [ -e /etc/redis/omero-web.conf ]; then
    command -v omero-web-redis > /dev/null && cli=omero-web-redis
    databases='0|1'
  else
    own=$(dpkg-query -W -f='${Conffiles}\n' redis-server 2> /dev/null |
      awk '$1 == "/etc/redis/redis.conf" {print $2}')
    [ "$(timeout 5 md5sum /etc/redis/redis.conf | cut -c1-32)" = "$own" ] ||
      echo redis=configuration
    databases=none
    case $(ask ping) in
      *NOAUTH*) echo redis=password; return ;;
      PONG) ;;
      *) [ -d /var/lib/redis/appendonlydir ] ||
          [ -n "$(find /var/lib/redis/dump.rdb -size +1 2> /dev/null)" ] && echo redis=data
        return ;;
    esac
  fi
  ask client list | grep -qE ' (sub|psub|ssub)=[1-9]' && echo redis=channels
  for number in $(ask info keyspace | sed -n 's/^db\([0-9]*\):.*/\1/p'); do
    echo "$number" | grep -qxE "$databases" ||
      ! ask -n "$number" --scan | head -n 100000 | grep -qvE "$known" || echo redis=keys
  done
}
redis_signs
"""


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
