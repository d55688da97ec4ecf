"""Visitors at a constant rate, by a tool that knows nothing of this project: Debian's `hey`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.integration.hosts import Host

LOGIN = "/webclient/login/"
CLIENTS, EACH = 8, 5  # clients, and requests a second of each
TIMEOUT = 90  # seconds; who waits is not turned away


@dataclass
class Report:
    """What the visitors met.

    answers: how many by status. errors: as the tool tells them. slowest: seconds. rate: per second.
    said: by NGINX and by the workers, where something failed.
    """

    answers: dict[int, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    slowest: float = 0.0
    rate: float = 0.0
    said: str = ""

    @property
    def failed(self) -> int:
        """Everything but 200; the maintenance page counts as a failure."""
        return sum(n for status, n in self.answers.items() if status != 200) + len(self.errors)


def install(host: Host) -> None:
    """On the host that the visitors come from."""
    host.run("apt-get update -q && apt-get install -q -y --no-install-recommends hey")


@contextlib.contextmanager
def visitors(source: Host, target: Host, path: str = LOGIN) -> Iterator[Report]:
    """They come for as long as the block lasts; the report is filled in at its end."""
    report = Report()
    source.run(
        f"hey -z 30m -c {CLIENTS} -q {EACH} -t {TIMEOUT} http://{target.ip}{path} "
        "> /tmp/hey 2>&1 & echo $! > /tmp/hey.pid"
    )
    try:
        source.run("sleep 2")  # all clients have come
        yield report
        source.run("sleep 1")  # and meet what follows the change
    finally:
        source.run("kill -INT $(cat /tmp/hey.pid)", check=False)
        gone = "[ ! -e /proc/$(cat /tmp/hey.pid) ]"
        source.wait_until(
            lambda: source.run(gone, check=False).exit_code == 0, TIMEOUT, "the visitors' report"
        )
    _read(source.read("/tmp/hey"), report)
    if report.failed:
        report.said = target.run(
            "tail -n 5 /var/log/nginx/error.log; "
            "journalctl -q -u omero-web -o cat --no-pager | grep -F 'gets 503' | tail -n 5",
            check=False,
        ).stdout


def _read(text: str, report: Report) -> None:
    report.answers = {
        int(status): int(count)
        for status, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", text)
    }
    _, _, after = text.partition("Error distribution:")
    for count, message in re.findall(r"\[(\d+)\]\s+(.+)", after):
        report.errors += [message] * int(count)
    report.slowest = _number(r"Slowest:\s+([\d.]+)", text)
    report.rate = _number(r"Requests/sec:\s+([\d.]+)", text)
    assert report.answers, text


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def during(source: Host, target: Host, change: Callable[[], object]) -> Report:
    """What visitors meet while something is changed."""
    with visitors(source, target) as report:
        change()
    return report
