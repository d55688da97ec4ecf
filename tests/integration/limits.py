"""What a host has of disk and memory, and what visitors from elsewhere meet meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from tests.integration.hosts import Host

# Every fifth of a second a visitor asks for the login page, by a connection of his own and from
# another address than those who attack.
_PROBE = (
    "while [ ! -e /run/measured ]; do "
    "curl -sk -m 60 -o /dev/null -w '%{http_code} %{time_total} ' SITE/webclient/login/;"
    " df --output=used -k /var | tail -n 1; sleep 0.2; done > /run/probes 2>&1"
)


def small_var(host: Host, size: str) -> None:
    """Give /var a disk of its own, in memory: what fills it fills the memory, too. Packages and
    what they were downloaded from stay outside."""
    host.run(
        f"mkdir -p /srv/var /srv/cache && mount --bind /var/cache /srv/cache && "
        f"mount -t tmpfs -o size={size},mode=755 tmpfs /srv/var && "
        "tar -C /var --exclude=./cache/* -cf - . | tar -C /srv/var -xpf - && "
        "mount --move /srv/var /var && mount --bind /srv/cache /var/cache && "
        "systemctl restart systemd-journald redis-server nginx omero-web"
    )


@dataclass
class Measurement:
    """pages: status and seconds of each login page. disk: most kB of /var in use. memory: most
    bytes in use, without what the kernel would give back. kills: by the kernel, for memory."""

    pages: list[tuple[int, float]] = field(default_factory=list)
    disk: int = 0
    memory: int = 0
    kills: int = 0


@contextlib.contextmanager
def measured(host: Host, site: str = "http://127.0.0.1") -> Iterator[Measurement]:
    """Measure for as long as the block lasts; complete at its end.

    site: the URL up to OMERO.web's prefix, as the host itself has it.
    """
    found, done, since = Measurement(), threading.Event(), int(time.time())

    def memory() -> None:
        while not done.wait(0.2):
            found.memory = max(found.memory, memory_in_use(host))

    host.run(f"rm -f /run/measured; ({_PROBE.replace('SITE', site)}) > /dev/null 2>&1 &")
    thread = threading.Thread(target=memory)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()
        host.run("touch /run/measured; sleep 1")
    for line in host.read("/run/probes").splitlines():
        status, seconds, used = line.split()
        found.pages.append((int(status), float(seconds)))
        found.disk = max(found.disk, int(used))
    found.kills = sum(1 for _ in _kills(host, since))


def memory_in_use(host: Host) -> int:
    """Bytes, as `docker stats` counts them: without the files that the kernel keeps unasked."""
    now = cast(dict[str, Any], host.container.stats(stream=False, one_shot=True))["memory_stats"]
    stats = now["stats"]
    return int(now["usage"]) - int(stats.get("total_inactive_file", stats.get("inactive_file", 0)))


def _kills(host: Host, since: int) -> Iterator[dict[str, Any]]:
    client = host.container.client
    assert client
    yield from client.events(
        since=since,
        until=int(time.time()) + 1,
        filters={"event": "oom", "container": host.name},
        decode=True,
    )
