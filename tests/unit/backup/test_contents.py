"""Which paths of a backup reach a host, also if somebody has changed the backup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.backup import contents, place
from roles.backup.archive import Entry, file_entry
from roles.operations.files import Directory, File, Link

GRID = "/opt/omero/web/OMERO.web/etc/grid"
VAR = "/opt/omero/web/OMERO.web/var"
CERTIFICATE = "/etc/ssl/certs/site.pem"
ALLOWED = (GRID, VAR, "/opt/omero/web/branding", "/etc/nginx/omero-web", "/etc/letsencrypt")


def restored(path: str, *groups: str, kind: str = "file") -> bool:
    entry = Entry.model_validate({"path": path, "kind": kind})
    return contents.is_restored(entry, groups, {CERTIFICATE})


@pytest.mark.parametrize(
    ("path", "group"),
    [
        (f"{GRID}/config.xml", "web"),
        (f"{GRID}/omeroweb-ops.json", "web"),
        (f"{VAR}/django_secret_key", "web"),
        (f"{VAR}/sessions/sessionidabc", "web"),
        ("/opt/omero/web/branding/0123/logo.svg", "web"),
        ("/etc/nginx/omero-web/key.pem", "nginx"),
        ("/etc/letsencrypt/live/site/privkey.pem", "nginx"),
        (CERTIFICATE, "nginx"),
        ("/redis-keys", "redis"),
    ],
)
def test_each_part_reaches_the_hosts_of_its_role_only(path: str, group: str) -> None:
    assert [each for each in ("web", "nginx", "redis") if restored(path, each)] == [group]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/opt/omero/web/bin/release",
        "/opt/omero/web/releases/0/bin/python",
        f"{GRID}/omeroweb-ops.tried",
        f"{GRID}/../../bin/omero",
        f"{VAR}/sessions/../log/x",
        f"{VAR}/sessions/.hidden",
        f"{VAR}/sessions/a/b",
        "/etc/nginx/omero-web/../nginx.conf",
        "/etc/nginx/omero-web/../../cron.d/x",
        "/etc/ssl/certs/other.pem",
        "etc/nginx/omero-web/key.pem",
    ],
)
def test_nothing_else_reaches_a_host(path: str) -> None:
    assert not restored(path, "web", "nginx", "redis")


@given(st.lists(st.sampled_from(["etc", "nginx", "omero-web", "..", ".", "", "opt"]), max_size=8))
def test_no_path_leads_out_of_the_parts(words: list[str]) -> None:
    path = "/" + "/".join(words)
    if restored(path, "web", "nginx", "redis"):
        assert path.startswith(ALLOWED)


@pytest.mark.parametrize(
    "path", [f"{GRID}/config.xml", f"{VAR}/sessions/a", "/etc/nginx/omero-web/key.pem"]
)
def test_links_are_only_certbot_s(path: str) -> None:
    assert not restored(path, "web", "nginx", kind="link")
    assert restored("/etc/letsencrypt/live/site/cert.pem", "nginx", kind="link")


def test_the_configuration_is_written_as_the_service_s_user_and_the_rest_as_root() -> None:
    entries = [
        file_entry(f"{GRID}/config.xml", b"<icegrid/>", "somebody:else", "4640"),
        file_entry("/etc/nginx/omero-web/key.pem", b"key", "somebody:else", "4600"),
        Entry(path="/etc/letsencrypt/live", kind="directory", mode="700"),
        Entry(path="/etc/letsencrypt/live/a", kind="link", target="../archive/a"),
        file_entry(f"{VAR}/sessions/sessionida", b"a session"),
        file_entry("/redis-keys", b"*1"),
    ]
    part = place.Part([(entry, b"content") for entry in entries])
    items = {item.path: item for item in part.items}
    config, key = items[f"{GRID}/config.xml"], items["/etc/nginx/omero-web/key.pem"]
    assert isinstance(config, File) and isinstance(key, File)
    assert (config.run_as, config.owner, config.mode) == (
        "omero-web",
        "omero-web:omero-web",
        "640",
    )
    assert (key.run_as, key.owner, key.mode) == ("root", "root:root", "600")
    assert isinstance(items["/etc/letsencrypt/live"], Directory)
    assert isinstance(items["/etc/letsencrypt/live/a"], Link)
    assert part.sessions == [("sessionida", b"content")] and part.keys == b"content"
    assert len(items) == 4


def test_the_settings_name_a_certificate_on_the_host() -> None:
    pair = {"certificate": "/etc/ssl/a.pem", "key": "own.key"}
    assert contents.certificates({"nginx_tls": pair}) == {"/etc/ssl/a.pem"}
    assert contents.certificates({"nginx_tls": "self-signed"}) == frozenset()
    assert contents.certificates({}) == frozenset()
