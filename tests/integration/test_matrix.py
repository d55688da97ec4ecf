"""The ways in which a site meets its visitors, one after the other on one host.

In each: the page and its files, a login that OMERO.web itself answers, a doctor whose only worry
is the OMERO.server that is not there, and a second run that changes nothing. NGINX on a host of its
own is in test_split.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import issue
from tests.integration.conftest import MakeHost
from tests.integration.front_door import (
    NAME,
    assert_answers_logins,
    files,
    log_in,
    start_outer_proxy,
)
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.site_checks import assert_maintenance, assert_serves, assert_well

ROOT = issue(authority=True, subject="An institute's own")
PREFIX = {"web_config": {"omero.web.prefix": "/omero"}}
WAYS: dict[str, dict[str, Any]] = {
    "http": {},
    "prefix": PREFIX,
    "self-signed": {"nginx_tls": "self-signed"},
    "own certificate": {"nginx_tls": "own"},
    "prefix and TLS": {"nginx_tls": "self-signed", **PREFIX},
    "behind a proxy": {"nginx_behind_proxy": ["127.0.0.1"]},
    "prefix behind a proxy": {"nginx_behind_proxy": ["127.0.0.1"], **PREFIX},
}


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    """Which knows the tests' own certificate authority, as a site's machines know theirs."""
    with make_session_host("plain", name="matrix", image=deployed_image) as host:
        host.write("/usr/local/share/ca-certificates/tests.crt", ROOT.pem)
        host.run("update-ca-certificates")
        yield host


@pytest.mark.parametrize("way", WAYS)
def test_a_site_is_well(host: Host, way: str, tmp_path: Path) -> None:
    data = {"nginx_server_name": NAME, **WAYS[way]}
    if data.get("nginx_tls") == "own":
        data["nginx_tls"] = files(tmp_path, issue(NAME, issuer=ROOT))
    proxied = "nginx_behind_proxy" in data
    prefix = "/omero" if "web_config" in data else ""
    scheme = "https" if proxied or "nginx_tls" in data else "http"
    text = docker_inventory(host, **data)
    first = deploy(text)
    assert f"OMERO.web is at {scheme}://{NAME}{prefix}/" in first.output
    if proxied:
        start_outer_proxy(host, issue(NAME, issuer=ROOT), 443)
    assert_serves(host, prefix, scheme)
    assert_answers_logins(log_in(host, scheme, prefix))
    assert_well(host, "--connect", "127.0.0.1")
    assert deploy(text).changed_operations == ()
    if scheme == "https":
        cookie = host.http(f"{prefix}/webclient/login/", scheme=scheme).headers["Set-Cookie"]
        assert re.search(r"csrftoken=.*Secure", cookie)
    if "nginx_tls" in data:
        redirect = host.http(f"{prefix}/", host_header=NAME)
        assert redirect.status_code == 301
        assert redirect.headers["Location"] == f"https://{NAME}{prefix}/"
        assert host.run("stat -c %a /etc/nginx/omero-web/key.pem").stdout.strip() == "600"
    if prefix:
        assert host.http("/", scheme=scheme).headers["Location"].endswith(f"{prefix}/")


def test_a_site_that_is_away_shows_the_page_over_tls_and_below_a_prefix(host: Host) -> None:
    deploy(docker_inventory(host, nginx_server_name=NAME, **WAYS["prefix and TLS"]))
    host.run("omero web stop")
    try:
        assert_maintenance(host, "/omero/webclient/", scheme="https")
    finally:
        host.run("omero web start")
