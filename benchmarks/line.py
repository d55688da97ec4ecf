"""A slow line between a test host and everything else, by `tc` of Debian's iproute2."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from tests.integration.hosts import Host

_NETEM = ("netem", "rate", "{rate}mbit", "delay", "{delay}ms", "limit", "1000")
_BUCKET = ("tbf", "rate", "{rate}mbit", "burst", "64k", "latency", "400ms")


@contextlib.contextmanager
def slow_line(host: Host, rate: float, latency: float) -> Iterator[str]:
    """Limit a host's line in both directions, and yield what was limited.

    rate: Mbit/s. latency: ms of a round trip; without netem in the kernel only the rate is limited.
    """
    host.container.reload()
    pid = str(host.container.attrs["State"]["Pid"])
    inside = ("nsenter", "-t", pid, "-n", "tc", "qdisc", "replace", "dev", "eth0", "root")
    outside = ("tc", "qdisc", "replace", "dev", _peer(host), "root")
    options = {"rate": f"{rate:g}", "delay": f"{latency / 2:g}"}
    for kind, what in ((_NETEM, f"{rate:g} Mbit/s, {latency:g} ms"), (_BUCKET, f"{rate:g} Mbit/s")):
        words = [word.format(**options) for word in kind]
        done = [
            subprocess.run([*place, *words], capture_output=True, check=False)
            for place in (inside, outside)
        ]
        if not any(each.returncode for each in done):
            yield what
            return
    raise SystemExit(f"tc cannot limit the line: {done[0].stderr.decode()}")


def _peer(host: Host) -> str:
    """Return the machine's end of the host's network interface."""
    index = host.run("cat /sys/class/net/eth0/iflink").stdout.strip()
    listed = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        number, name, *_rest = line.split(": ")
        if number == index:
            return name.partition("@")[0]
    raise SystemExit(f"no network interface with the number {index}")
