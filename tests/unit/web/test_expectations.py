"""What a deploy tells the doctor, and what the doctor tells a deploy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared.expectations import Expectations

from roles.nginx import smoke_test
from roles.operations.files import File
from roles.target import Target
from roles.web import expectations
from tests.unit.helpers import SURVEY, a_host, site_of

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'app'}"}


def written(*hosts: Any, member: str = "@local") -> Expectations:
    site = site_of(*hosts)
    file = expectations.expected(Target(site, site.members[member], SURVEY))
    assert isinstance(file, File)
    assert (file.owner, file.mode) == ("root:root", "644")
    return read(Path("/nowhere"), file.content)


def read(folder: Path, text: str) -> Expectations:
    data = json.loads(text)
    return Expectations(**{**data, "cors_origins": tuple(data["cors_origins"])})


def test_a_site_with_tls() -> None:
    found = written(
        a_host(
            nginx_server_name="images.example.org",
            nginx_tls="self-signed",
            nginx_http_port=8080,
            nginx_https_port=8443,
            web_config={
                "omero.web.prefix": "/omero",
                "omero.web.cors_origin_whitelist": ["https://viewer.example.org"],
            },
        )
    )
    origins = ("https://viewer.example.org",)
    assert found == Expectations(
        "https://images.example.org:8443/omero/", "self-signed", 8080, origins
    )
    assert (found.scheme, found.host, found.port) == ("https", "images.example.org", 8443)
    assert (found.prefix, found.origin) == ("/omero", "https://images.example.org:8443")


def test_nginx_on_another_host() -> None:
    web = a_host("web", "web redis", reached_as="10.0.0.1", web_sessions="file")
    named = a_host("www", "nginx", reached_as="10.0.0.2", nginx_server_name="a.example.org")
    assert written(web, named, member="web").url == "http://a.example.org/"
    plain = a_host("www", "nginx", reached_as="10.0.0.2")
    assert written(web, plain, member="web").url == "http://10.0.0.2/"


def test_no_nginx_at_all() -> None:
    assert written(a_host("@local", "web", web_sessions="file")).url is None


def test_what_was_written_is_read(tmp_path: Path) -> None:
    expected = Expectations("https://a.example.org/", "off", 80, ("https://b.example.org",))
    (tmp_path / "site.json").write_text(expected.dump())
    assert Expectations.load(tmp_path / "site.json") == expected
    assert Expectations.load(tmp_path / "other.json") == Expectations()


LIBRARIES_OF_A_RELEASE = (
    *("django", "gunicorn", "omero", "omeroweb", "prometheus_client"),
    *("redis", "requests", "tabulate", "urllib3", "deflate"),
)


def test_a_deploy_needs_no_library_of_a_release() -> None:
    """Only the tests' environment has them all; an administrator's has not."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({LIBRARIES_OF_A_RELEASE!r}));"
        "import importlib, pkgutil, gevent.monkey; gevent.monkey.patch_all(); import roles;"
        "found = pkgutil.walk_packages(roles.__path__, 'roles.');"
        "[importlib.import_module(each.name) for each in found];"
        "import omeroweb_ops.cli"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cors_origins": [], "other": 1}'])
def test_a_spoiled_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(ValueError, match=r"site\.json is not readable"):
        Expectations.load(tmp_path / "site.json")


@pytest.mark.parametrize("url", [None, "/", "images.example.org/", "ftp://a/", "http://a:b/"])
def test_what_is_no_url_is_refused(url: str | None) -> None:
    with pytest.raises(ValueError, match=r"--url|is not a URL|Port"):
        Expectations(url).checked()
    assert Expectations("http://[fd00::5]:81/").checked().host == "fd00::5"


def test_a_failed_visit_tells_the_errors_alone() -> None:
    def check(status: str, setting: str) -> dict[str, str]:
        return {"name": "cors", "status": status, "message": status, "setting": setting}

    checks = [check("warning", "a"), check("error", "omero.web.prefix"), check("error", "")]
    text = json.dumps({"checks": checks}, indent=1)
    assert smoke_test.DoctorErrors().process(text.splitlines()) == [
        "cors: error (see omero.web.prefix)",
        "cors: error (see its log)",
    ]
    for other in ("", "[" * 100_000, '{"checks": [1]}', '{"checks": {"name": "x"}}'):
        assert smoke_test.DoctorErrors().process([other]) == []


@given(st.text(), st.text())
def test_no_terminal_obeys_what_a_failed_visit_tells(message: str, setting: str) -> None:
    check = {"name": "\x9b2J", "status": "error", "message": message, "setting": setting}
    (line,) = smoke_test.DoctorErrors().process([json.dumps({"checks": [check]})])
    assert line.isprintable()
    assert all(
        each.isprintable() for each in smoke_test.PublicUrlResponse().process([f"status {message}"])
    )
