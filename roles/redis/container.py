"""The redis image's command: write the configuration that a host has, and become Redis.

`python3 -m roles.redis.container`. Every error in the variables is printed, and nothing starts.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from omeroweb_ops.container import keys, secret_files
from omeroweb_ops.shared.finding import Finding

from ..host_paths import REDIS_ADMIN_SECRET
from ..inventory import environment
from ..inventory.checks import LEAST_PASSWORD, too_short
from ..inventory.settings import Settings
from ..operations import container_files
from ..operations.files import File
from . import configuration
from .administrator import line

FIELDS = ("redis_maxmemory",)
PASSWORD, USER = "REDIS_PASSWORD", "REDIS_USER"  # the user is for a Redis run by others
VARIABLES = (*environment.names(FIELDS), PASSWORD, USER)
# Every address of the container; `-`: unless the system lacks IPv6.
_OPEN = {"redis_bind": "0.0.0.0 -::", "redis_port": 6379}
_OVERRIDES = ("--supervised", "no", "--daemonize", "no", "--logfile", "", "--pidfile", "")
# The memory of the container, in cgroups of version 2 and 1, and of the machine.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MEMORY = Path("/proc/meminfo")


def memory(limits: Iterable[str], machine: str) -> int:
    """Return the memory that the container may use, in kilobytes.

    limits: contents of cgroup files, in bytes. machine: proc_meminfo(5).
    """
    found = re.search(r"^MemTotal:\s+(\d+) kB", machine, re.MULTILINE)
    whole = int(found[1]) if found else 0
    texts = (limit.strip() for limit in limits)
    return min([whole, *(int(text) // 1024 for text in texts if text.isdigit())])


def opened(settings: Settings) -> Settings:
    """Return the settings with the port that the other containers use."""
    return settings.model_copy(update=_OPEN)


def _of_password(password: str | None) -> Iterator[Finding]:
    if password is None:
        yield Finding(PASSWORD, f"must be set, unless a volume is mounted at {keys.KEYS}")
    elif len(password) < LEAST_PASSWORD:
        yield Finding(PASSWORD, too_short(password, LEAST_PASSWORD))


def _of_data(folder: Path) -> Iterator[Finding]:
    """Find data of another user's container, which Redis keeps for that user alone."""
    for path in [folder, *sorted(folder.rglob("*"))]:
        if not os.access(path, os.W_OK):
            owner = path.stat().st_uid
            yield Finding(
                str(path),
                f"belongs to uid {owner}, and uid {os.geteuid()} may not write to it; run the "
                f"container as uid {owner}, or change the owner of the volume's files",
            )
            return


def main() -> int:
    """Write the files and become Redis. Returns 1 with every error on standard error."""
    values, _from_files, findings = secret_files.read(
        os.environ, lambda name: name in VARIABLES, lambda _name: True
    )
    settings, wrong = environment.settings(values, FIELDS)
    findings += [*wrong, *environment.unknown(values, "REDIS_", VARIABLES)]
    password = values.get(PASSWORD) or None
    try:
        password = password or keys.read(keys.REDIS_PASSWORD)
    except keys.Unusable as error:
        findings.append(Finding(PASSWORD, str(error)))
    else:
        findings += _of_password(password)
    findings += _of_data(Path(configuration.DATA))
    if findings:
        print(*(f"omeroweb-ops: {each}" for each in findings), sep="\n", file=sys.stderr)
        return 1
    os.umask(container_files.UMASK)
    available = memory(map(_read, _LIMITS), _read(_MEMORY))
    secret = secrets.token_hex(32)
    container_files.write(
        [
            File(REDIS_ADMIN_SECRET, f"{secret}\n", mode="600"),
            File(configuration.ADMINISTRATOR, line(secret), mode="600"),
            File(
                configuration.OWN,
                configuration.text(opened(settings), password, available),
                mode="600",
            ),
        ]
    )
    for name in (PASSWORD, f"{PASSWORD}{secret_files.SUFFIX}"):
        os.environ.pop(name, None)
    sys.stdout.flush()
    arguments = ["redis-server", configuration.MAIN, "--include", configuration.OWN, *_OVERRIDES]
    os.execv("/usr/bin/redis-server", arguments)


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
