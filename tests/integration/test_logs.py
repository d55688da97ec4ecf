"""OMERO.web's log on a host: rotated by whichever worker fills it, and nothing lost."""

from __future__ import annotations

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import OMERODIR, django

LOG = f"{OMERODIR}/var/log/OMEROweb.log"
WRITERS, LINES = 4, 3000
# Each a process of its own, like gunicorn's workers; a small size so that they rotate often.
WRITE = f"""
import logging, os
from omeroweb_ops.gunicorn import log_rotation
log_rotation.MAX_LOG_SIZE, log_rotation.COPIES = 100_000, 200
log_rotation.prepare()
for number in range({WRITERS - 1}):
    if not os.fork():
        break
else:
    number = {WRITERS - 1}
for line in range({LINES}):
    logging.getLogger("test").warning("line %d of writer %d;", line, number)
"""


def sizes(host: Host) -> dict[str, int]:
    listed = host.run(f"stat -c '%n %s' {LOG}*").stdout.split()
    return dict(zip(listed[::2], map(int, listed[1::2]), strict=True))


def test_several_writers_rotate_without_losing_a_line(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    django(host, WRITE)
    host.wait_until(lambda: not host.processes("of writer"), 120, "all writers to end")
    assert len(sizes(host)) > 5
    written = host.run(f"cat {LOG}* | grep -o 'line [0-9]* of writer [0-9]*;' | sort").stdout
    expected = {f"line {n} of writer {w};" for w in range(WRITERS) for n in range(LINES)}
    assert len(written.splitlines()) == len(expected)
    assert {*written.splitlines()} == expected

    # a running worker rotates at 50 MB and goes on in the new file
    host.run(f"rm {LOG}.*; head -c 50000001 /dev/zero | tr '\\0' '\\n' > {LOG}", user="omero-web")
    host.http("/no/such/page/")
    host.wait_until(lambda: f"{LOG}.1" in sizes(host), 60, "rotation")
    assert sizes(host)[f"{LOG}.1"] >= 50_000_000
    host.http("/no/such/other/page/")
    assert sizes(host)[LOG] < 1_000_000
    assert "/no/such/other/page/" in host.read(LOG)
