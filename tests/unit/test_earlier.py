"""What an installation made otherwise leaves, as the survey tells it."""

from __future__ import annotations

import subprocess

import pytest

from roles import earlier

UPSTREAM = """
upstream omeroweb {
    server 127.0.0.1:4080 fail_timeout=0;
}
server {
    listen 80;
    server_name images.example.org;
    location @proxy { if ($x) { set $y 1; } proxy_pass http://omeroweb; }
}
"""
REDIRECT = "server { listen 80; server_name images.example.org; return 301 https://$host; }\n"
OTHER = "server { listen 80; server_name other.example.org; root /srv; }  # omeroweb\n"
DAEMON = (
    "/opt/omero/web/venv3/bin/python /opt/omero/web/venv3/bin/gunicorn -D -p "
    "/opt/omero/web/omero-web/var/django.pid --bind 127.0.0.1:4080 omeroweb.wsgi:application"
)


def test_nothing_is_found_where_nothing_is() -> None:
    found = earlier.read(["id=debian", "port=0FF0 x"])
    assert found == earlier.NOTHING
    assert not found.of_web
    assert not found.of_nginx


def test_each_line_of_the_survey_is_read() -> None:
    found = earlier.read(
        [
            "earlier=unit /etc/systemd/system/omero-web.service",
            "earlier=init /etc/init.d/omero-web",
            "earlier=dropin /etc/systemd/system/omero-web.service.d",
            "earlier=cron /etc/cron.daily/omero-web",
            "earlier=command /usr/local/bin/omero",
            "earlier=virtualenv /opt/omero/web/venv3",
            "earlier=omerodir /opt/omero/web/omero-web",
            "earlier=site /etc/nginx/conf.d/omeroweb.conf",
            "line=upstream omeroweb {",
            "line=  a=b",
            "earlier=default /etc/nginx/sites-enabled/default",
        ]
    )
    assert found.units == ("/etc/systemd/system/omero-web.service",)
    assert found.scripts == ("/etc/init.d/omero-web",)
    assert found.dropins == ("/etc/systemd/system/omero-web.service.d",)
    assert found.crons == ("/etc/cron.daily/omero-web",)
    assert found.commands == ("/usr/local/bin/omero",)
    assert found.sites == {"/etc/nginx/conf.d/omeroweb.conf": "upstream omeroweb {\n  a=b"}
    assert found.default == "/etc/nginx/sites-enabled/default"
    assert found.virtualenv
    assert found.omerodir == "/opt/omero/web/omero-web"
    assert not found.link
    assert found.of_web
    assert found.of_nginx


@pytest.mark.parametrize(
    ("holder", "running"),
    [
        (DAEMON, True),
        ("/opt/omero/web/venv3/bin/gunicorn --config /opt/omero/web/gunicorn.conf.py "
         "omeroweb.wsgi:application", False),
        (DAEMON.replace("/opt/omero/web", "/srv/second"), False),
        ("nginx: master process", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_daemon_of_theirs_is_told_from_the_bundle_s_own(holder: str, running: bool) -> None:
    assert earlier.read([], holder).running is running


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (UPSTREAM, None),
        (UPSTREAM + REDIRECT, None),
        (UPSTREAM + OTHER, "other.example.org"),
        (
            UPSTREAM + OTHER + OTHER.replace("other", "third"),
            "other.example.org, third.example.org",
        ),
        (UPSTREAM.replace("server_name images.example.org;", ""), None),
    ],
)
def test_a_file_with_another_site_is_refused(text: str, others: str | None) -> None:
    found = [*earlier.findings(earlier.Earlier(sites={"/etc/nginx/conf.d/a.conf": text}))]
    assert [each.name for each in found] == ["/etc/nginx/conf.d/a.conf"] * bool(others)
    for each in found:
        assert f"also {others};" in each.message


def test_a_site_with_https_is_warned_of_where_its_successor_has_none() -> None:
    secure = UPSTREAM.replace("listen 80;", "listen 443 ssl;")
    found = earlier.Earlier(sites={"/a": secure, "/b": UPSTREAM})
    (warning,) = earlier.warnings(found, tls=False)
    assert warning.name == "nginx_tls"
    assert "/a serves https" in warning.message
    assert [*earlier.warnings(found, tls=True)] == []


def test_the_survey_s_part_is_a_valid_script() -> None:
    assert (
        subprocess.run(["sh", "-n"], input=earlier.SCRIPT, text=True, check=False).returncode == 0
    )
