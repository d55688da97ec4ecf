"""Every script that a deploy writes on a host is plain shell, whatever fills its template."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from roles import host_paths
from roles.nginx import maintenance_page, public_site, tls
from roles.nginx import role as nginx
from roles.operations.files import File, Item
from roles.redis import administrator
from roles.target import Target
from roles.web import files, notify, service
from roles.web.ice import Wheel
from roles.web.release import Release
from tests.unit.helpers import SURVEY, a_host, only_member, site_of


def items(manager: str) -> Iterator[Item]:
    public = {"omero.web.public.enabled": True, "omero.web.public.user": "public"}
    public |= {"omero.web.public.url_filter": "^/webgateway/render_thumbnail/"}
    told = {"mail": ["root"], "url": "https://images.example.org/"}
    more: Any = {"nginx_public_cache": True, "web_config": public, "web_notify": told}
    site = site_of(a_host(nginx_tls="self-signed", **more))
    member = only_member(site)
    release = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
    own = service.omero_web(release, member.settings, manager, socket=manager != "image")
    yield from files.commands(own, member.settings, manager)
    if manager == "image":
        return
    target = Target(site, member, replace(SURVEY, systemd=manager == "systemd"))
    yield from files.site_items(target, own)
    yield from notify.items(target)
    yield from maintenance_page.items(target)
    yield from public_site.items(target)
    yield from tls.items(member)
    yield administrator.command()
    if manager == "supervisor":
        yield from nginx._supervised()


def acme() -> Iterator[Item]:
    """The items of a certificate by ACME."""
    tls_by_acme = {"acme": {"email": "a@example.org"}}
    site = site_of(a_host(nginx_server_name="a.example.org b.example.org", nginx_tls=tls_by_acme))
    yield from tls.items(only_member(site))


def scripts(manager: str) -> dict[str, str]:
    """Path on a host to text."""
    return {
        item.path: item.content
        for item in (acme() if manager == "acme" else items(manager))
        if isinstance(item, File) and (item.content.startswith("#!") or item.mode == "755")
    }


ALL = [
    pytest.param(path, text, id=f"{path} {manager}")
    for manager in ("systemd", "supervisor", "image", "acme")
    for path, text in scripts(manager).items()
    if path != host_paths.PROCESS_MANAGER  # Python, which ruff and mypy check
]


def test_no_script_is_left_out() -> None:
    """What a host of each kind has that somebody or something calls."""
    web = {"omero", "omeroweb-ops", "sandbox", "service", "release", "deploy-lock"}
    host = {"notify", "support"}
    nginx = {"omero-web-maintenance", "omero-web-certificate", "omero-web-public-cache"}
    found = {each: {path.rpartition("/")[2] for path in scripts(each)} for each in (
        "systemd", "supervisor", "image"
    )}  # fmt: skip
    assert found["image"] == web
    assert [*scripts("acme")] == [host_paths.CERTIFICATE_COMMAND]
    assert found["systemd"] == web | host | nginx | {"omero-web-redis"}
    assert found["supervisor"] == found["systemd"] | {"process-manager", "omero-web-nginx"}


@pytest.mark.parametrize(("path", "text"), ALL)
def test_shellcheck_finds_nothing(path: str, text: str) -> None:
    assert text.startswith("#!/bin/sh\n")
    done = subprocess.run(
        ["shellcheck", "-"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
