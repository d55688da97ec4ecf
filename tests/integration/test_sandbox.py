"""What code that runs as omero-web can do, with systemd and without."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory, wait_until
from tests.integration.images import Kind
from tests.integration.site_checks import BASE, OMERODIR, assert_serves, master
from tests.operations import terminal

IMPORTED = f"{OMERODIR}/var/imported"
# What gunicorn, the release's commands, Django's and OMERO's own import.
MODULES = ("tabulate", "json", "omeroweb_ops", "django", "gunicorn", "omero", "sitecustomize")
OWN = "find / -xdev -type d -user omero-web -not -path '*/__pycache__*'"


@pytest.fixture(scope="module", params=["systemd", "plain"])
def site(make_session_host: MakeHost, request: pytest.FixtureRequest) -> Iterator[Host]:
    kind: Kind = request.param
    name = "deployed_systemd_image" if kind == "systemd" else "deployed_image"
    image = request.getfixturevalue(name)
    with make_session_host(kind, image=image, name=f"sandbox-{kind}") as host:
        deploy(docker_inventory(host))  # starts supervisor where there is no systemd
        wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "200")
        yield host


# The restrictions are systemd's; elsewhere the user's own rights are the limit.
systemd_alone = pytest.mark.parametrize("site", ["systemd"], indirect=True, scope="module")


def own_directories(host: Host) -> list[str]:
    return host.run(OWN).stdout.splitlines()


def test_the_service_has_no_privileges_and_none_of_root_s_variables(site: Host) -> None:
    for process in site.processes("gunicorn"):
        status = dict(
            line.split(":\t", 1) for line in site.read(f"/proc/{process.pid}/status").splitlines()
        )
        assert status["NoNewPrivs"] == "1"
        assert not int(status["CapEff"], 16)
        variables = site.run(f"cat /proc/{process.pid}/environ", "omero-web").stdout
        names = {each.partition("=")[0] for each in variables.split("\0") if each}
        assert not names & {"PIP_CERT", "SSL_CERT_FILE", "SHLVL", "OLDPWD"}, names
        directory = site.run(f"readlink /proc/{process.pid}/cwd", "omero-web").stdout.strip()
        owner = site.run(["stat", "-c", "%U", directory]).stdout.strip()
        assert (directory, owner) == (BASE, "root")


@systemd_alone
def test_the_service_writes_var_alone(site: Host) -> None:
    inside = (
        f"nsenter -t {master(site)} -m setpriv --reuid=omero-web --regid=omero-web --clear-groups"
    )
    outside = f"{OMERODIR}/var"
    own = own_directories(site)
    assert f"{OMERODIR}/etc/grid" in own
    for directory in [*own, BASE, "/etc", "/usr/local/bin", "/var/lib", "/home"]:
        done = site.run(f"{inside} touch {shlex.quote(directory)}/written", check=False)
        in_var = directory == outside or directory.startswith(f"{outside}/")
        assert (done.exit_code == 0) == in_var, directory
    shown = site.run("systemctl show omero-web -p OOMPolicy,LimitCORE,RestrictSUIDSGID").stdout
    assert {*shown.split()} == {"OOMPolicy=continue", "LimitCORE=0", "RestrictSUIDSGID=yes"}


@systemd_alone
@pytest.mark.parametrize(("unit", "most"), [("omero-web", 1.7), ("nginx", 5.0)])
def test_systemd_s_own_figure(site: Host, unit: str, most: float) -> None:
    text = site.run(f"systemd-analyze security --no-pager {unit}").stdout
    found = re.search(r"Overall exposure level for \S+ ([\d.]+)", text)
    assert found
    assert float(found[1]) <= most


def test_what_the_user_plants_is_imported_by_nothing(site: Host) -> None:
    directories = [*own_directories(site), "/tmp", BASE, f"{BASE}/.local/lib"]
    code = f"import os\nos.close(os.open({IMPORTED!r}, os.O_CREAT | os.O_WRONLY, 0o666))\n"
    for directory in directories:
        plant = (
            f"cd {shlex.quote(directory)} && cat > planted && for m in {' '.join(MODULES)}; do "
            "mkdir $m && cp planted $m/__init__.py; done"
        )
        site.run(plant, "omero-web", check=False, stdin=code.encode())
    assert site.exists(f"{OMERODIR}/var/django/__init__.py")
    site.run("omero web restart")
    text = "another text"  # a trial and a reload
    deploy(docker_inventory(site, web_config={"omero.web.login_incorrect_credentials_text": text}))
    for user, directory in (("root", "/tmp"), ("omero-web", f"{OMERODIR}/var")):
        for command in (
            "omero web clearsessions",
            "omeroweb-ops config check",
            "omero version",
            "omero web status",
        ):
            site.run(command, user, cwd=directory)
    jobs = re.findall(r"(?m)^\d+ 3 \* \* \* (\S+) (.*)$", site.read("/etc/cron.d/omero-web"))
    assert jobs
    site.install_updates()  # `updates` ends with 1 while some are pending
    for user, command in jobs:
        site.run(command, user, cwd=f"{OMERODIR}/var")
    assert not site.exists(IMPORTED)
    assert_serves(site)


def test_a_command_cannot_reach_root_s_terminal_or_variables(site: Host) -> None:
    """With the release's own commands replaced by one that tries."""
    site.write("/srv/terminal.py", Path(terminal.__file__).read_text())
    programs = [f"{BASE}/venv3/bin/{name}" for name in ("omero", "omeroweb-ops")]
    for program in programs:
        site.run(f"mv {program} {program}.kept")
        site.write(program, f"#!/usr/bin/python3\n{terminal.INTRUDER}", "0755")
    try:
        for command in (
            "omeroweb-ops status",
            "omero version",
            "omero config get",
            "omero web clearsessions",
        ):
            for after in ("", " | cat"):
                done = site.run(["python3", "/srv/terminal.py", command + after])
                report, typed = json.loads(done.stdout)
                assert report["uid"] == int(site.run("id -u omero-web").stdout)
                assert report["no_new_privileges"] == "1"
                assert "TOKEN" not in report["environment"]
                assert typed == "<>"
    finally:
        for program in programs:
            site.run(f"mv -f {program}.kept {program}")


def test_a_relative_name_counts_from_the_caller_s_directory(site: Host) -> None:
    """Root's home is closed for omero-web, /srv is not."""
    names = [f"omero.web.ours.{name}" for name in ("one", "two", "three", "four", "five")]
    files = {
        "/root/one.omero": f"config set {names[0]} 1",
        "/srv/two.omero": f"config set {names[1]} 2\n",
        "/root/three.txt": f"{names[2]}=3\n",
        "/root/four.omero": f"config set {names[3]} 4\n",
        "/srv/value": "5",
        "/srv/json.py": f"open({IMPORTED!r}, 'w')\n",
    }
    for path, content in files.items():
        site.write(path, content, "0600" if path.startswith("/root") else "0644")
    secret = f"{OMERODIR}/var/link.omero"
    site.run(["ln", "-s", "/root/four.omero", secret], "omero-web")
    try:
        site.run("omero load one.omero", cwd="/root")
        site.run("omero load two.omero", cwd="/srv")
        site.run("omero config load three.txt", cwd="/root")
        refused = site.run(["omero", "load", secret], check=False)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "belongs to omero-web; nothing is done there as root" in refused.stderr
        site.run("omero load < four.omero", cwd="/root")
        site.run(f"omero config set -f value {names[4]}", cwd="/srv")
        values = [site.run(["omero", "config", "get", name]).stdout.strip() for name in names]
        assert values == ["1", "2", "3", "4", "5"]
        missing = site.run("omero load none.omero", cwd="/root", check=False)
        assert missing.exit_code != 0
        assert "none.omero" in missing.stdout + missing.stderr
        assert not site.exists(IMPORTED)
        assert json.loads(site.run("omero config get omero.web.apps").stdout or "[]") == []
    finally:
        site.run(["rm", "-f", secret, *files])
        for name in names:
            site.run(["omero", "config", "set", name])


def test_a_command_keeps_its_arguments_to_itself(site: Host) -> None:
    value = "kept $HOME to itself"
    site.run(["omero", "config", "set", "omero.web.ping_interval_text", value])
    try:
        got = site.run(["omero", "config", "get", "omero.web.ping_interval_text"])
        assert got.stdout.strip() == value
        if site.kind == "systemd":
            assert "to itself" not in site.run("journalctl -q --no-pager").stdout
            assert not site.run("systemctl list-units --all --no-legend 'omero-web-c*'").stdout
    finally:
        site.run(["omero", "config", "set", "omero.web.ping_interval_text"])


@systemd_alone
def test_nginx_in_its_sandbox_is_upgraded_reloaded_and_its_logs_rotated(site: Host) -> None:
    def first() -> int:
        return int(site.read("/run/nginx.pid"))

    assert "NoNewPrivs:\t1" in site.read(f"/proc/{first()}/status")
    before = first()
    site.run("/etc/init.d/nginx upgrade")  # what Debian's package does (USR2)
    wait_until(lambda: first() != before, 20, "another master")
    site.run("systemctl reload nginx")
    site.run("logrotate -f /etc/logrotate.d/nginx")
    assert_serves(site)
    log = "/var/log/nginx/omero-web.access.log"

    def logged() -> bool:
        """A worker that is about to leave may take a request after logrotate has moved its log."""
        site.http("/webclient/login/")
        return "GET /webclient/login/" in site.read(log)

    wait_until(logged, 10, "a line in the new log")
    assert site.run("systemctl is-active nginx").stdout.strip() == "active"


@systemd_alone
def test_a_directory_that_the_service_does_not_see_is_refused_or_opened(site: Host) -> None:
    folder, drop_in = "/home/admin/templates", "/etc/systemd/system/omero-web.service.d/site.conf"
    site.write(f"{folder}/webclient/login.html", "<title>OMERO.web - Login</title>Of this facility")
    text = docker_inventory(site, web_config={"omero.web.template_dirs": [folder]})
    before = master(site)
    refused = deploy(text, expect=1)
    assert f"{folder} is hidden from OMERO.web's service" in refused.output
    assert master(site) == before
    assert_serves(site)
    site.write(drop_in, "[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=/home/admin/templates\n")
    site.run("systemctl daemon-reload && systemctl restart omero-web")
    deploy(text)
    assert "Of this facility" in site.http("/webclient/login/").text


def test_temporary_files_are_on_disk(site: Host) -> None:
    """Debian 13 has /tmp in memory, and an upload may have gigabytes."""
    workers = [each for each in site.processes("gunicorn") if each.user == "omero-web"]
    assert workers
    for worker in workers:
        variables = site.run(f"cat /proc/{worker.pid}/environ", "omero-web").stdout
        assert "TMPDIR=/var/tmp" in variables.split("\0")


@systemd_alone
def test_opt_omero_may_be_a_link_to_another_disk(site: Host) -> None:
    site.run("omero web stop && mv /opt/omero /srv/omero && ln -s /srv/omero /opt/omero")
    site.run("omero web start")
    wait_until(lambda: site.http("/webclient/login/").status_code == 200, 60, "200")
    changed = docker_inventory(site, web_config={"omero.web.page_size": 77})
    deploy(changed)
    assert_serves(site)
    assert deploy(changed).changed_operations == ()
    release = site.run("basename $(readlink -f /opt/omero/web/venv3)").stdout.strip()
    listed = site.run("omeroweb-ops release list").stdout
    assert re.search(rf"^{release} +serves ", listed, re.MULTILINE), listed
