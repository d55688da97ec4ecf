"""web_notify and its secrets: what is wrong is said with what to set instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roles.inventory import checks, notify_checks
from roles.inventory.settings import read
from roles.inventory.site import load

MAIL = "admins@example.org"


def site(secrets: dict[str, Any], folder: Path, groups: str = "web nginx", **data: Any) -> Any:
    path = folder / "secrets.json"
    path.write_text(json.dumps(secrets))
    path.chmod(0o600)
    settings = {"web_secrets": str(path), **data}
    return load([("web1", frozenset(groups.split()), settings, None)])


def errors(secrets: dict[str, Any], folder: Path, groups: str = "web nginx", **data: Any) -> str:
    found, findings = site(secrets, folder, groups, **data)
    return "\n".join(map(str, [*findings, *checks.errors(found)]))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"mail": "no one"}, "'no one' is not a mail address"),
        ({"mail": "-oQ/tmp@example.org"}, "is not a mail address"),
        ({"mail": "a@b\nBcc: c@d"}, "is not a mail address"),
        ({"mail": [MAIL], "smpt": "x"}, "smpt is not known"),
        ({"webhook": "https://chat.example.org/xyzzy"}, "set notify_webhook"),
        ({"mail": MAIL, "smtp": {"host": "x", "password": "p"}}, "set notify_smtp_password"),
        ({"mail": MAIL, "smtp": {"host": "x", "tls": "ssl"}}, "tls"),
        ({"mail": MAIL, "smtp": "x y"}, "is not an address or a host name"),
        ({"mail": MAIL, "url": "images.example.org"}, "is not the URL of a site"),
        ("admins@example.org", "must be"),
    ],
)
def test_a_wrong_value(value: object, told: str) -> None:
    _settings, (finding,) = read({"web_notify": value})
    assert finding.subject == "web_notify"
    assert told in finding.message
    assert "xyzzy" not in finding.message


@pytest.mark.parametrize(
    ("secrets", "value", "told"),
    [
        ({}, True, "names nobody"),
        ({"notify_webhook": "ftp://xyzzy"}, True, "must be a URL"),
        ({"notify_webhook": "https://host:port/xyzzy"}, True, "must be a URL"),
        ({"notify_webhook": "https://x/y"}, {"smtp": "x"}, "smtp is for mail"),
        ({}, {"mail": MAIL, "smtp": {"host": "x", "user": "u"}}, "set notify_smtp_password"),
        ({"notify_smtp_password": "xyzzy"}, {"mail": MAIL}, "is for smtp's user"),
    ],
)
def test_a_contradiction(secrets: dict[str, str], value: object, told: str, tmp_path: Path) -> None:
    said = errors(secrets, tmp_path, web_notify=value)
    assert told in said
    assert "xyzzy" not in said


def test_without_an_nginx_the_url_is_needed(tmp_path: Path) -> None:
    assert "set url" in errors({}, tmp_path, "web", web_notify={"mail": MAIL})
    url = "https://images.example.org/"
    assert "set url" not in errors({}, tmp_path, "web", web_notify={"mail": MAIL, "url": url})


@pytest.mark.parametrize(
    ("smtp", "port", "tls"),
    [
        ("mail.example.org", 25, None),
        ("mail.example.org:465", 465, "tls"),
        ("[::1]:2525", 2525, None),
        ({"host": "mail.example.org", "user": "u"}, 587, None),
        ({"host": "mail.example.org", "tls": "tls"}, 465, "tls"),
        ({"host": "mail.example.org", "port": 26, "tls": "off"}, 26, "off"),
    ],
)
def test_the_host_s_file(smtp: object, port: int, tls: str | None, tmp_path: Path) -> None:
    value = {"mail": MAIL, "smtp": smtp, "from": "omero@example.org"}
    secrets = {"notify_webhook": "https://x/y", "notify_smtp_password": "xyzzy"}
    found, findings = site(secrets, tmp_path, web_notify=value)
    assert findings == []
    data = notify_checks.settings_data(found, found.members["web1"])
    assert data is not None
    assert (data["smtp"]["port"], data["smtp"]["tls"]) == (port, tls)
    assert (data["smtp"]["password"], data["webhook"]) == ("xyzzy", "https://x/y")
    assert (data["mail"], data["sender"]) == ([MAIL], "omero@example.org")
    assert "notify" not in str(found.desired(found.members["web1"]).dump())


def test_nobody_is_told_unless_web_notify_is_set(tmp_path: Path) -> None:
    found, _findings = site({"notify_webhook": "https://x/y"}, tmp_path)
    assert notify_checks.settings_data(found, found.members["web1"]) is None
