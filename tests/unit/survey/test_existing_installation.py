"""What an installation made otherwise leaves, as the survey tells it."""

from __future__ import annotations

import subprocess

import pytest

from roles.survey import existing_installation

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
    found = existing_installation.read(["id=debian", "port=0FF0 x"])
    assert found == existing_installation.NO_INSTALLATION
    assert not found.has_omero_web
    assert not found.has_nginx_site


def test_each_line_of_the_survey_is_read() -> None:
    found = existing_installation.read(
        [
            "existing=unit /etc/systemd/system/omero-web.service",
            "existing=init /etc/init.d/omero-web",
            "existing=dropin /etc/systemd/system/omero-web.service.d",
            "existing=cron /etc/cron.daily/omero-web",
            "existing=command /usr/local/bin/omero",
            "existing=virtualenv /opt/omero/web/venv3",
            "existing=omerodir /opt/omero/web/omero-web",
            "existing=site /etc/nginx/conf.d/omeroweb.conf",
            "line=upstream omeroweb {",
            "line=  a=b",
        ]
    )
    assert found.units == ("/etc/systemd/system/omero-web.service",)
    assert found.scripts == ("/etc/init.d/omero-web",)
    assert found.dropins == ("/etc/systemd/system/omero-web.service.d",)
    assert found.crons == ("/etc/cron.daily/omero-web",)
    assert found.commands == ("/usr/local/bin/omero",)
    assert found.sites == {"/etc/nginx/conf.d/omeroweb.conf": "upstream omeroweb {\n  a=b"}
    assert found.virtualenv
    assert found.omerodir == "/opt/omero/web/omero-web"
    assert not found.link
    assert found.has_omero_web
    assert found.has_nginx_site


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
    assert existing_installation.read([], holder).running is running


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
    found = [
        *existing_installation.errors(
            existing_installation.ExistingInstallation(sites={"/etc/nginx/conf.d/a.conf": text})
        )
    ]
    assert [each.subject for each in found] == ["/etc/nginx/conf.d/a.conf"] * bool(others)
    for each in found:
        assert f"also {others};" in each.message


def test_a_site_with_https_is_warned_of_where_its_successor_has_none() -> None:
    secure = UPSTREAM.replace("listen 80;", "listen 443 ssl;")
    found = existing_installation.ExistingInstallation(sites={"/a": secure, "/b": UPSTREAM})
    (warning,) = existing_installation.warnings(found, tls=False)
    assert warning.subject == "nginx_tls"
    assert "/a uses TLS" in warning.message
    assert [*existing_installation.warnings(found, tls=True)] == []
    # in a file that the site includes, which `nginx -T` has shown
    found = existing_installation.ExistingInstallation(sites={"/a": UPSTREAM, "/b": UPSTREAM})
    (warning,) = existing_installation.warnings(found, tls=False, secure={"/b", "/c"})
    assert "/b uses TLS" in warning.message


def test_the_survey_s_part_is_a_valid_script() -> None:
    assert (
        subprocess.run(
            ["sh", "-n"], input=existing_installation.SCRIPT, text=True, check=False
        ).returncode
        == 0
    )
