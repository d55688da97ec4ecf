"""Read the figures of NGINX on the same host, from its own status page.

https://nginx.org/en/docs/http/ngx_http_stub_status_module.html has the format.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..locations import Locations
from ..shared import regular_file

_TIMEOUT = 1.0  # seconds
_MAX_SIZE = 2000  # bytes
_FORMAT = re.compile(
    r"Active connections: (?P<active>\d+)\s+server accepts handled requests\s+"
    r"(?P<accepted>\d+) (?P<handled>\d+) (?P<requests>\d+)\s+"
    r"Reading: (?P<reading>\d+) Writing: (?P<writing>\d+) Waiting: (?P<waiting>\d+)"
)
STATES = ("active", "reading", "writing", "waiting")
COUNTERS = {
    "connections_accepted": "Connections that NGINX accepted.",
    "connections_handled": "Connections that NGINX handled; fewer if it has none left.",
    "requests": "Requests to NGINX, of all its sites.",
}


@dataclass(frozen=True)
class StatusPage:
    """Where NGINX's status page is, as the file of the web role has it (roles.web.expectations)."""

    port: int
    path: str
    host: str

    @classmethod
    def parse(cls, text: str) -> StatusPage:
        """Raises ValueError."""
        port, path, host = text.split()
        return cls(int(port), path, host)


def collect(locations: Locations) -> Iterator[Metric]:
    """Yield NGINX's metrics; none without an NGINX on this host."""
    if not locations.nginx_status.exists():
        return
    try:
        page = StatusPage.parse(regular_file.read_text(locations.nginx_status, _MAX_SIZE))
        figures = parse(_get(page))
    except (OSError, http.client.HTTPException, ValueError):
        figures = {}
    yield GaugeMetricFamily(
        "omeroweb_nginx_up", "1 where NGINX on this host answered, else 0.", value=bool(figures)
    )
    if not figures:
        return
    connections = GaugeMetricFamily(
        "omeroweb_nginx_connections",
        "Open connections to NGINX: all, and those that it reads from, writes to, or keeps open.",
        labels=["state"],
    )
    for state in STATES:
        connections.add_metric([state], figures[state])
    yield connections
    counts = {"connections_accepted": "accepted", "connections_handled": "handled"}
    for name, help_text in COUNTERS.items():
        value = figures[counts.get(name, name)]
        yield CounterMetricFamily(f"omeroweb_nginx_{name}", help_text, value=value)


def parse(text: str) -> dict[str, int]:
    """Parse the page. Raises ValueError."""
    found = _FORMAT.search(text)
    if found is None:
        raise ValueError("not NGINX's status page")
    return {name: int(number) for name, number in found.groupdict().items()}


def _get(page: StatusPage) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", page.path, headers={"Host": page.host})
        return connection.getresponse().read(_MAX_SIZE).decode("ascii", "replace")
    finally:
        connection.close()
