"""`./run remove`: what is left is what the command says that it keeps, on each kind of host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roles import remove
from tests.integration.conftest import MakeHost
from tests.integration.hosts import VOLATILE, Host, docker_inventory
from tests.integration.images import Kind
from tests.integration.test_shared_nginx import assert_others_are_served, set_up
from tests.integration.verbs import Verb, run_verb

# What apt and dpkg write for themselves, logs, and copies of /etc/passwd.
_IGNORED = (
    rf"{VOLATILE}|^/var/(lib/(apt|dpkg)|cache|log)(/|$)|^/etc/((passwd|group|g?shadow|subuid|subgid)-"
    r"|ld\.so\.cache|machine-id|\.pwd\.lock)$|^/var/backups/(dpkg|apt|alternatives)|^/srv(/|$)"
)
_KEPT = "/var/backups/omeroweb-ops"
_SYSTEM = r"""
for each in passwd group shadow gshadow; do
    cut -d: -f1,3 /etc/$each | sort | sed "s/^/$each /"
done
dpkg-query -W -f 'package ${db:Status-Abbrev} ${Package}\n'
apt-mark showmanual | sed 's/^/manual /'
find /etc -type f ! -name '*-' ! -name ld.so.cache ! -name machine-id -exec sha256sum {} +
[ ! -d /run/systemd/system ] || systemctl list-unit-files --no-legend --plain
cut -d' ' -f2- /proc/net/tcp /proc/net/tcp6 | awk '$3 == "0A" {print "port", $1}'
"""


def system_of(host: Host) -> set[str]:
    """Files, users, groups, packages, units and ports of a host, a line each."""
    files = host.snapshot(_IGNORED)
    lines = {f"{path} {' '.join(facts.split()[:3])}" for path, facts in files.items()}
    lines |= {line for line in host.run(_SYSTEM).stdout.splitlines() if "/etc/host" not in line}
    # an image that Docker has saved has these of its first host
    return {line for line in lines if not re.search(r"/etc/(hostname|resolv\.conf|mtab)$", line)}


def processes_of(host: Host) -> set[str]:
    return {each.cmdline for each in host.processes() if "sleep" not in each.cmdline}


def difference(host: Host, fresh: Host) -> list[str]:
    """What a host has more than a fresh one, or less, without what is kept."""
    lines = system_of(host) ^ system_of(fresh)
    return sorted(line for line in lines if not line.startswith(_KEPT))


@pytest.fixture
def verb(tmp_path: Path) -> Verb:
    return lambda host, *arguments, expect=0: run_verb(
        tmp_path, docker_inventory(host), "remove", "inventory.py", *arguments, expect=expect
    )


def deployed(kind: Kind, make_host: MakeHost, request: pytest.FixtureRequest) -> Host:
    image = {"systemd": "deployed_systemd_image", "plain": "deployed_image"}[kind]
    host = make_host(kind, image=request.getfixturevalue(image))
    if kind == "plain":
        host.run("supervisord -c /etc/supervisor/supervisord.conf")
    host.wait_until(lambda: host.http("/webclient/login/").status_code == 200, 120, "OMERO.web")
    return host


def test_a_host_is_as_a_fresh_one_but_for_what_the_command_keeps(
    make_host: MakeHost, request: pytest.FixtureRequest, verb: Verb
) -> None:
    fresh, host = make_host("systemd"), deployed("systemd", make_host, request)
    before = host.snapshot()
    asked = verb(host, expect=1)
    assert "say --yes" in asked and "remove user omero-web" in asked
    assert host.snapshot().touched_since(before) == []  # it only shows

    # a run may be killed anywhere: each of these continues where the run before ended
    host.write("/run/remove.sh", remove.command("remove"))
    for seconds in (0.2, 0.5, 1, 1.5, 2, 3):
        host.run(f"timeout -s KILL {seconds} sh /run/remove.sh", check=False)
    shown = verb(host, "--yes")
    assert difference(host, fresh) == []
    assert processes_of(host) == processes_of(fresh)
    kept = host.run(f"find {_KEPT} -name config.xml -o -name appendonlydir").stdout.splitlines()
    assert len(kept) == 2
    assert host.run(f"stat -c '%a %U' {_KEPT}").stdout == "700 root\n"
    assert "package" in shown or "nothing to remove" in shown
    assert "there is nothing to remove" in verb(host, "--yes")

    verb(host, "--yes", "--purge")
    assert not host.exists(_KEPT)


def test_without_systemd_nothing_is_left_either(
    make_host: MakeHost, request: pytest.FixtureRequest, verb: Verb
) -> None:
    fresh, host = make_host("plain"), deployed("plain", make_host, request)
    verb(host, "--yes", "--purge")
    assert difference(host, fresh) == []
    assert processes_of(host) == processes_of(fresh)
    assert not host.exists(_KEPT)


def test_other_sites_of_the_same_nginx_are_served_on(
    make_host: MakeHost, deployed_systemd_image: str, verb: Verb
) -> None:
    host = make_host("systemd", image=deployed_systemd_image)
    host.write("/etc/cron.d/backup", "0 3 * * * root true\n")
    site = host.read("/etc/nginx/conf.d/omero-web.conf")
    set_up(host)
    host.write("/etc/nginx/conf.d/omero-web.conf", site.replace(" default_server", ""))
    host.run("rm /etc/nginx/conf.d/omeroweb.conf; nginx -t -q && systemctl reload nginx")
    master = host.run("cat /run/nginx.pid").stdout
    shown = verb(host, "--yes")
    assert "keep package nginx: /etc/nginx/" in shown
    assert "keep package cron: /etc/cron.d/backup" in shown
    assert_others_are_served(host)
    assert host.run("cat /run/nginx.pid").stdout == master  # reloaded, not restarted
    left = host.run("grep -rl omero /etc/nginx /etc/systemd /etc/cron.d", check=False).stdout
    assert left == ""
    assert not host.exists("/usr/bin/redis-server")


def test_a_host_of_an_older_version_keeps_its_packages_and_says_so(
    make_host: MakeHost, verb: Verb
) -> None:
    host = make_host("plain")
    host.run(
        "useradd --system omero-web; useradd --system omero-web-build; mkdir -p /opt/omero/web"
    )
    before = host.run("dpkg-query -W").stdout
    assert "keep packages all" in verb(host, "--yes")
    assert host.run("dpkg-query -W").stdout == before
    assert host.run("grep omero /etc/passwd /etc/group", check=False).stdout == ""
    assert not host.exists("/opt/omero")


def test_a_mount_point_is_named_before_anything_is_removed(make_host: MakeHost, verb: Verb) -> None:
    host = make_host("systemd")
    host.run(
        "ln -s /usr/local/sbin/omero-web-maintenance /usr/local/bin/omeroweb-ops"
    )  # NGINX alone
    host.run("mkdir -p /opt/omero/web/releases && mount -t tmpfs none /opt/omero/web/releases")
    assert "/opt/omero/web/releases is a mount point" in verb(host, "--yes", expect=1)
    host.run("umount /opt/omero/web/releases")
    verb(host, "--yes")
    assert not host.exists("/opt/omero")
    assert host.run("ls /usr/local/bin | grep omero", check=False).stdout == ""
