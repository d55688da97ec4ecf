"""Wrong inventories and wrong hosts: one clear error, everything at once, nothing touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Fleet, Host, deploy, docker_inventory, ssh_inventory


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost) -> Host:
    return make_session_host("plain")


def refused(host: Host, text: str) -> Deployment:
    """The run fails before it changes anything."""
    before = host.snapshot()
    run = deploy(text, expect=1)
    assert "nothing has been changed" in run.output
    assert "Traceback" not in run.output
    assert host.snapshot().touched_since(before) == []
    return run


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        ({"nginx_http_prot": 80}, ["nginx_http_prot", "did you mean nginx_http_port?"]),
        ({"nginx_http_port": "eighty"}, ["nginx_http_port", "'eighty'", "for example 80"]),
        (
            {"nginx_tls": {"certificate": "/no/such.pem", "key": "/no/such.key"}},
            ["nginx_tls", "/no/such.pem"],
        ),
        ({"web_secrets": "/no/such/secrets.yml"}, ["web_secrets", "/no/such/secrets.yml"]),
        ({"redis_bind": "0.0.0.0"}, ["redis_bind", "without a password", "redis_password"]),
        (
            {"web_config": {"omero.web.debugg": True}},
            ["omero.web.debugg", "did you mean omero.web.debug?"],
        ),
        (
            {"web_config": {"omero.web.wsgi_workers": "many"}, "nginx_http_port": 0},
            ["omero.web.wsgi_workers", "whole number", "nginx_http_port", "2 mistakes"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_inventory(host: Host, settings: dict[str, Any], messages: list[str]) -> None:
    run = refused(host, docker_inventory(host, **settings))
    for message in messages:
        assert message in run.output


def test_a_port_that_another_program_holds(host: Host) -> None:
    host.run("setsid python3 -m http.server 80 --directory /srv > /dev/null 2>&1 &")
    host.wait_until(lambda: host.http("/").status_code == 200, 10, "the other server")
    try:
        run = refused(host, docker_inventory(host))
        assert "port 80 is used by" in run.output
        assert "http.server" in run.output
        assert "nginx_http_port" in run.output
    finally:
        host.kill(*[process.pid for process in host.processes("http.server")])


def test_a_host_that_is_not_debian(make_host: MakeHost) -> None:
    host = make_host("plain")
    host.run("rm /etc/os-release && printf 'ID=fedora\\nVERSION_ID=42\\n' > /etc/os-release")
    run = refused(host, docker_inventory(host))
    assert "fedora" in run.output
    assert "Debian" in run.output


def test_neither_root_nor_sudo(make_host: MakeHost, ssh_key: Path) -> None:
    host = make_host("ssh")
    host.run("rm -f /etc/sudoers.d/*; sed -i '/admin/d;/%sudo/d' /etc/sudoers")
    run = refused(host, ssh_inventory(host, ssh_key))
    assert "sudo" in run.output


def test_a_container_without_nesting(fleet: Fleet) -> None:
    """An unprivileged LXC refuses each mount, so that systemd ends every unit with a sandbox."""
    refuse = {"names": ["mount", "mount_setattr", "move_mount"], "action": "SCMP_ACT_ERRNO"}
    profile = json.dumps(
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**refuse, "errnoRet": 13}]}
    )
    options = {
        "security_opt": [f"seccomp={profile}", "apparmor=unconfined"],
        "environment": {"container": "lxc"},  # https://systemd.io/CONTAINER_INTERFACE/
    }
    with fleet.make_host("systemd", name="lxc", options=options) as host:
        (unit,) = host.run("systemd-run -q --wait -p PrivateTmp=yes true; echo $?").stdout.split()
        assert unit == "226"
        run = refused(host, docker_inventory(host))
        assert "system: this container refuses the namespaces" in run.output
        assert "--features nesting=1" in run.output
