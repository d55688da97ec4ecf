"""README's commands that undo a deploy, on each kind of host."""

from __future__ import annotations

import re

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host
from tests.integration.images import ROOT, Kind

# What is kept: logs, copies of what the bundle has replaced, and the directory above its own.
KEPT = r"/opt/omero|/(run|tmp|proc|sys|var/log|var/backups/omeroweb-ops)/.*"


def undo(host: Host) -> None:
    """As somebody pastes it into a shell that gives up at the first error."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"^To undo it.*?^```sh\n(.*?)^```$", text, re.M | re.S)
    assert found
    host.write("/root/undo.sh", found[1])
    host.run("sh /root/undo.sh")


def left_of(host: Host) -> list[str]:
    """Files, users and processes of the bundle."""
    paths = host.run("find / -xdev -name '*omero*' -prune -print", check=False).stdout.split()
    users = [line for line in host.read("/etc/passwd").splitlines() if "omero" in line]
    groups = [line for line in host.read("/etc/group").splitlines() if "omero" in line]
    processes = [process.cmdline for process in host.processes("omero")]
    return [each for each in paths if not re.fullmatch(KEPT, each)] + users + groups + processes


@pytest.mark.parametrize("kind", ["systemd", "plain"])
def test_nothing_of_a_whole_site_is_left(
    make_host: MakeHost, kind: Kind, request: pytest.FixtureRequest
) -> None:
    image = {"systemd": "deployed_systemd_image", "plain": "deployed_image"}[kind]
    host = make_host(kind, image=request.getfixturevalue(image))
    if kind == "plain":
        host.run("supervisord -c /etc/supervisor/supervisord.conf")
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "OMERO.web")
    undo(host)
    assert left_of(host) == []
    host.run("nginx -t")
    if kind == "systemd":
        failed = host.run("systemctl list-units --failed --no-legend --plain 'redis*' 'nginx*'")
        assert failed.stdout == ""
    undo(host)  # once more is no error


def test_the_users_are_gone_where_there_is_no_nginx_redis_or_supervisor(
    make_host: MakeHost,
) -> None:
    host = make_host("plain")
    host.run(
        "useradd --system omero-web; useradd --system omero-web-build; mkdir -p /opt/omero/web"
    )
    undo(host)
    assert left_of(host) == []
