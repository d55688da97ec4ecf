"""The test hosts themselves: what other tests take for granted about them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import docker
import pytest
import requests
from playwright.sync_api import Browser

from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    CommandFailed,
    DeploymentFailed,
    copy_project,
    deploy,
    docker_inventory,
    inventory,
    read_deployment,
    remove_leftovers,
    ssh_inventory,
    wait_until,
)
from tests.integration.images import KEYRING, Kind, Suite

# What the product's own unit asks of systemd and the kernel.
SANDBOX = [
    "-pNoNewPrivileges=yes",
    "-pProtectSystem=strict",
    "-pPrivateTmp=yes",
    "-pPrivateDevices=yes",
    "-pProtectHome=yes",
    "-pProtectKernelTunables=yes",
    "-pProtectControlGroups=yes",
    "-pProtectProc=invisible",
    "-pRestrictNamespaces=yes",
    "-pSystemCallFilter=@system-service",
    "-pCapabilityBoundingSet=",
]


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_systemd_host_boots_without_failed_units(make_host: MakeHost, suite: Suite) -> None:
    host = make_host("systemd", suite)
    assert host.run("systemctl is-system-running").stdout.strip() == "running"
    assert host.run("systemctl --failed --no-legend").stdout == ""
    assert suite in host.read("/etc/os-release")
    assert host.read("/proc/1/comm").strip() == "systemd"


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_a_systemd_host_sandboxes_and_starts_enabled_units_again(
    make_host: MakeHost, suite: Suite
) -> None:
    host = make_host("systemd", suite)
    host.run(["systemd-run", "--wait", "--quiet", *SANDBOX, "touch", "/tmp/here"])
    assert not host.exists("/tmp/here")
    unit = (
        "[Service]\nExecStart=sleep infinity\nUser=nobody\n[Install]\nWantedBy=multi-user.target\n"
    )
    host.write("/etc/systemd/system/marker.service", unit)
    host.run("systemctl enable --now marker")
    # its start is done before its program is executed
    (before,) = host.wait_until(lambda: host.processes("^sleep infinity"), 10, "the unit")
    assert before.user == "nobody"

    host.kill(before.pid)
    wait_until(lambda: not host.processes("^sleep infinity"), 10, "the killed process")
    host.reboot()

    host.wait_until(lambda: host.processes("^sleep infinity"), 10, "the unit after the reboot")
    assert host.run("systemctl is-active marker").stdout.strip() == "active"


def test_the_machine_is_not_changed_by_a_systemd_host(make_host: MakeHost) -> None:
    """Given all of /sys/fs/cgroup, a container's systemd makes the machine's read-only."""

    def controllers() -> list[str]:
        return sorted(os.listdir("/sys/fs/cgroup"))

    before = controllers(), os.statvfs("/sys/fs/cgroup").f_flag
    make_host("systemd").reboot()
    assert (controllers(), os.statvfs("/sys/fs/cgroup").f_flag) == before


def test_a_plain_host_is_minimal_debian(make_host: MakeHost) -> None:
    with make_host() as host:
        assert not host.exists("/run/systemd/system")
        for absent in ("/usr/sbin/policy-rc.d", "/usr/bin/sudo", "/usr/bin/pip", "/usr/bin/ps"):
            assert not host.exists(absent), absent
        configuration = host.run("cat /etc/apt/apt.conf.d/*").stdout
        assert "docker" not in configuration.lower()
        assert "GzipIndexes" not in configuration
        assert str(KEYRING) in host.read("/etc/apt/sources.list")
        assert "security" in host.read("/etc/apt/sources.list")
        ca_bundle = host.run("sha256sum $PIP_CERT $SSL_CERT_FILE").stdout.split()
        assert ca_bundle[0] == ca_bundle[2]
        # The certificates are good for what a deploy fetches first.
        host.run("apt-get -qq update")


def test_files_commands_and_processes(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host()
    host.write("/srv/new folder/file", "ä\n", "0640")
    assert host.read("/srv/new folder/file") == "ä\n"
    assert host.run("stat -c %a '/srv/new folder/file'").stdout == "640\n"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "script").write_text("#!/bin/sh\n")
    (tmp_path / "deep" / "script").chmod(0o755)
    host.copy_in(tmp_path, "/srv/copy", ["deep/script"])
    assert host.run("stat -c '%a %U' /srv/copy/deep/script").stdout == "755 root\n"
    assert host.copy_out("/srv/copy/deep/script", tmp_path / "out").read_text() == "#!/bin/sh\n"

    failed = host.run("echo said; echo complained >&2; exit 3", check=False)
    assert (failed.exit_code, failed.stdout, failed.stderr) == (3, "said\n", "complained\n")
    with pytest.raises(CommandFailed, match="complained"):
        host.run("echo complained >&2; false")
    assert host.run(["id", "-un"], user="nobody").stdout == "nobody\n"

    host.run("nohup sleep 4321 >/dev/null 2>&1 &", user="nobody")
    (process,) = host.wait_until(lambda: host.processes("^sleep 4321"), 5, "the process")
    assert (process.user, process.cmdline) == ("nobody", "sleep 4321")
    host.kill(process.pid)
    host.wait_until(lambda: not host.processes("sleep 4321"), 5, "the end of the process")


def test_a_snapshot_tells_what_was_touched(make_host: MakeHost) -> None:
    host = make_host()
    before = host.snapshot()
    host.run("python3 -c 'import tarfile'; echo log >> /var/log/some.log; touch /tmp/x")
    assert host.snapshot().digest == before.digest
    host.run("chmod 0600 /etc/fstab; touch /etc/issue; mkdir /srv/made; rm /etc/motd")
    after = host.snapshot()
    assert after.touched_since(before) == ["/etc/fstab", "/etc/issue", "/etc/motd", "/srv/made"]
    assert after.digest != before.digest


def test_hosts_reach_each_other_by_name_and_are_reached_over_http(make_host: MakeHost) -> None:
    server, visitor = make_host(name="front"), make_host()
    server.write("/srv/www/index.html", "here\n")
    server.run("nohup python3 -m http.server --directory /srv/www 80 >/dev/null 2>&1 &")
    answer = server.wait_until(lambda: server.http("/"), 10, "an answer")
    assert (answer.status_code, answer.text) == (200, "here\n")
    asked = "import urllib.request as u; print(u.urlopen('http://front/').read().decode())"
    assert "here" in visitor.run(["python3", "-c", asked]).stdout
    with pytest.raises(requests.ConnectionError):
        visitor.http("/")


def test_the_browser_sees_a_host(make_host: MakeHost, browser: Browser, screenshots: Path) -> None:
    server = make_host()
    server.write("/srv/www/index.html", "<title>seen</title><h1>A page</h1>")
    server.run("nohup python3 -m http.server --directory /srv/www 80 >/dev/null 2>&1 &")
    server.wait_until(lambda: server.http("/"), 10, "an answer")
    page = browser.new_page()
    page.goto(f"http://{server.ip}/")
    assert page.title() == "seen"
    page.screenshot(path=screenshots / "test-host.png")
    page.close()
    assert (screenshots / "test-host.png").stat().st_size > 1000


def test_a_saved_host_is_the_start_of_others(make_host: MakeHost) -> None:
    first = make_host("systemd")
    first.write("/etc/marker", "saved")
    copy = make_host("systemd", image=first.commit())
    assert copy.read("/etc/marker") == "saved"
    assert copy.name != first.name


def test_what_killed_sessions_left_is_removed(
    engine: docker.DockerClient, make_host: MakeHost
) -> None:
    host = make_host()
    image = host.commit()
    gone = 2**22 + 1  # beyond the kernel's limit: nobody's
    left = engine.containers.create(image, name=f"omeroweb-bundle-test-{gone}-left")
    network = engine.networks.create(f"omeroweb-bundle-test-{gone}-network")
    remove_leftovers(engine)
    assert not engine.containers.list(all=True, filters={"name": f"/{left.name}$"})
    assert not engine.networks.list(names=[str(network.name)])
    assert host.run("echo up").stdout == "up\n"


HELLO = """
from pyinfra import host
from pyinfra.operations import files, server
files.put(name="Write a file", src="hello.txt", dest="/etc/hello", mode="0644")
server.shell(name="Run | a command", commands=["true"])
if host.data.get("web_broken"):
    server.shell(name="Fail", commands=["echo no luck; false"])
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "hello.txt").write_text("hello")
    (tmp_path / "hello.py").write_text(HELLO)
    return tmp_path


@pytest.mark.parametrize(("kind", "suite"), [("plain", "bookworm"), ("systemd", "trixie")])
def test_deploy_reports_what_changed(
    make_host: MakeHost, site: Path, kind: Kind, suite: Suite
) -> None:
    host = make_host(kind, suite)
    hello = str(site / "hello.py")
    first = deploy(docker_inventory(host), cwd=site, deploy_file=hello)
    assert first.hosts == (f"@docker/{host.name}",)
    assert first.changed_operations == ("Write a file", "Run | a command")
    assert re.search(r"Grand total +2 +2 +- +- ", first.output)
    assert host.read("/etc/hello") == "hello"

    second = deploy(docker_inventory(host), cwd=site, deploy_file=hello)
    assert (second.changed, second.unchanged) == (1, 1)
    assert second.changed_operations == ("Run | a command",)


def test_deploy_reports_what_failed(make_host: MakeHost, site: Path) -> None:
    broken = docker_inventory(make_host(), web_broken=True)
    hello = str(site / "hello.py")
    with pytest.raises(DeploymentFailed, match="no luck"):
        deploy(broken, cwd=site, deploy_file=hello)
    failed = deploy(broken, cwd=site, deploy_file=hello, expect=1)
    assert failed.changed_operations == ("Run | a command",)
    with pytest.raises(DeploymentFailed, match="instead of 1"):
        deploy("web = []\n", cwd=site, deploy_file=hello, expect=1)


def test_a_deploy_for_nobody_is_a_failure(make_host: MakeHost, site: Path) -> None:
    somebody, hello = docker_inventory(make_host()), str(site / "hello.py")
    with pytest.raises(DeploymentFailed, match="nothing for any host"):
        deploy(somebody, "--limit", "nobody", cwd=site, deploy_file=hello)
    assert deploy(somebody, "--dry", cwd=site, deploy_file=hello).hosts


def test_a_deploy_over_ssh_with_sudo(make_host: MakeHost, ssh_key: Path, site: Path) -> None:
    host = make_host("ssh")
    done = deploy(
        ssh_inventory(host, ssh_key, _sudo=True), cwd=site, deploy_file=str(site / "hello.py")
    )
    assert done.hosts == (host.ip,)
    assert host.run("stat -c '%U %a' /etc/hello").stdout == "root 644\n"


def test_a_deploy_that_takes_too_long_is_ended(make_host: MakeHost) -> None:
    inventory_text = docker_inventory(make_host())
    with pytest.raises(TimeoutError, match="Connecting to hosts"):
        deploy(inventory_text, "sleep 600", deploy_file="server.shell", timeout=20)


def test_a_setting_goes_to_the_group_that_its_name_begins_with() -> None:
    text = inventory(
        {"web": ["one"], "nginx": ["two"]}, web_config={"a": 1}, redis_port=2, address="x"
    )
    groups: dict[str, object] = {}
    exec(text, groups)
    assert groups["web"] == (["one"], {"web_config": {"a": 1}, "redis_port": 2, "address": "x"})
    assert groups["nginx"] == (["two"], {"redis_port": 2, "address": "x"})


def test_nested_steps_are_not_counted() -> None:
    output = """
    [@local] \x1b[32mConnected\x1b[0m
--> Starting operation: Outer
    [@local] nested Success
    [@local] Success
--> Starting operation: Other (path=/x)
    [@local] No changes
"""
    read = read_deployment(0, output, 1.5)
    assert (read.hosts, read.changed_operations, read.unchanged) == (("@local",), ("Outer",), 1)
    assert not read.empty


def test_the_project_is_copied_as_git_would(make_host: MakeHost) -> None:
    host = make_host()
    copy_project(host, "/srv/project")
    assert host.run("ls /srv/project").stdout.split()[-2:] == ["run", "tests"]
    assert host.run("ls -a /srv/project | grep -E '^.(git|venv)$'", check=False).stdout == ""
    assert "./run pyinfra" in host.run(["/srv/project/run", "--help"]).stdout
