"""The visit of the public URL, run by a real shell with a stand-in for curl."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from roles.nginx import smoke_test
from roles.nginx.smoke_test import PublicUrlResponse, problem_in
from tests.operations.local import ask, programs

LOGIN = "http://omero.example/webclient/login/?url=%2F"
PAGE = """<title>OMERO.web - Login</title>
<link rel="stylesheet" href="https://cdn.example/a.css"><script src="/static/a.1f.js?x=1">"""
CURL = """
for url; do :; done
echo "$*" | tr '\\n' ' ' >> FOLDER/asked; echo >> FOLDER/asked
case $url in
    */static/*) printf 'static %s %s' "$(cat FOLDER/code)" /static/a.1f.js?x=1 ;;
    *) cat FOLDER/page
       next=$(grep "^$url " FOLDER/redirects | cut -d' ' -f2)
       [ -n "$next" ] && status=302 shown=$url || status=$(cat FOLDER/status) shown=LOGIN
       printf '\\n%s %s\\n%s\\n%s\\n.' "$status" "$shown" "$(cat FOLDER/request)" "$next" ;;
esac
"""


class Site:
    """What curl gets, and what it was asked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setattr(smoke_test, "PLANNED", str(folder))
        clock = folder / "uptime"  # a second goes by with each pause
        clock.write_text("100.50 1.00\n")
        visit = smoke_test._VISIT.replace("/proc/uptime", str(clock))
        monkeypatch.setattr(smoke_test, "_VISIT", visit)
        self.answer(PAGE.replace("https://cdn.example/a.css", "/static/b.css"))
        curl = CURL.replace("FOLDER", str(folder)).replace("LOGIN", LOGIN)
        sleep = f"""
            echo pause >> {folder}/asked
            echo $(($(cut -d. -f1 {clock}) + 1)).50 > {clock}
            [ ! -e {folder}/then ] || . {folder}/then"""
        self._stand_ins = programs(folder / "bin", curl=curl, sleep=sleep)

    def answer(
        self,
        page: str,
        status: int = 200,
        static: int = 200,
        request: str = "",
        redirects: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Set the page, its status, its X-Request-ID, and what leads elsewhere."""
        lines = "".join(f"{url} {target}\n" for url, target in redirects.items())
        for name, text in (
            ("page", page),
            ("status", status),
            ("code", static),
            ("request", request),
            ("redirects", lines),
        ):
            (self.folder / name).write_text(str(text))

    def visit(self, url: str = "http://omero.example/", port: int = 80) -> list[str]:
        found: Any = ask(PublicUrlResponse, stand_ins=self._stand_ins, url=url, port=port)
        return [line for line in found if line]

    @property
    def asked(self) -> list[str]:
        return [line.strip() for line in (self.folder / "asked").read_text().splitlines()]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def test_the_login_page_and_a_static_file_are_all_that_is_wanted(site: Site) -> None:
    answer = site.visit()
    assert answer == [
        "OMERO.web - Login", f"status 200 {LOGIN}", "static 200 /static/a.1f.js?x=1"
    ]  # fmt: skip
    assert problem_in(answer) is None
    page, static = site.asked
    assert page.endswith(" http://omero.example/")
    assert static.endswith(" http://omero.example/static/b.css")


@pytest.mark.parametrize(
    ("url", "port", "resolved", "static"),
    [
        ("https://omero.example/a/b/", 443, "omero.example:443", "https://omero.example"),
        ("http://omero.example:8080/", 8080, "omero.example:8080", "http://omero.example:8080"),
        ("http://[2001:db8::1]:81/", 81, "[2001:db8::1]:81", "http://[2001:db8::1]:81"),
        ("http://[::1]/", 80, "[::1]:80", "http://[::1]"),
        ("http://$(touch x)`y`'/", 80, "$(touch x)`y`':80", "http://$(touch x)`y`'"),
    ],
)  # fmt: skip
def test_nginx_of_this_host_is_asked_whatever_the_name_leads_to(
    site: Site, url: str, port: int, resolved: str, static: str
) -> None:
    site.visit(url, port)
    for asked in site.asked:
        assert f" --connect-to {resolved}:127.0.0.1:{port} " in asked
    assert site.asked[0].endswith(f" {url}")
    assert site.asked[1].endswith(f" {static}/static/b.css")


def test_a_page_without_static_files_of_its_own_is_enough(site: Site) -> None:
    site.answer("<title>OMERO.web - Login</title><script src='x'>")
    assert problem_in(site.visit()) is None
    assert len(site.asked) == 1


def test_what_goes_wrong_is_tried_again_and_reported(site: Site) -> None:
    site.answer("bad gateway", status=502)
    answer = site.visit()
    assert answer == [f"status 502 {LOGIN}"]
    assert site.asked.count("pause") == 10
    site.answer(PAGE.replace("https://cdn.example/a.css", "/static/b.css"), static=404)
    assert (problem_in(site.visit()) or "").startswith("static 404 ")


def test_a_reload_that_takes_a_moment_is_waited_for(site: Site) -> None:
    site.answer("bad gateway", status=502)
    (site.folder / "then").write_text(
        f"echo 200 > {site.folder}/status; echo '{PAGE}' > {site.folder}/page\n"
    )
    assert problem_in(site.visit()) is None
    assert site.asked.count("pause") == 1


def test_planned_maintenance_is_said_at_once(site: Site) -> None:
    (site.folder / "planned").touch()
    site.answer("maintenance", status=503)
    answer = site.visit()
    assert answer == ["planned maintenance is on", f"status 503 {LOGIN}"]
    assert problem_in(answer) is None
    assert "pause" not in site.asked


GALLERY = "<title>Gallery</title>"
ABROAD = {
    "http://omero.example/": "http://OMERO.example/webclient/login/",
    "http://OMERO.example/webclient/login/": "https://id.example.org/saml?x=secret",
}


@pytest.mark.parametrize(
    ("page", "status", "request_id", "redirects", "own_login", "works"),
    [
        (GALLERY, 200, "1f", {}, False, True),  # a root application
        (GALLERY, 200, "", {}, False, False),  # the page of another site
        ("", 200, "1f", ABROAD, False, True),  # single sign-on
        ("", 200, "", ABROAD, False, False),  # another site that leads away
        ("sign in", 401, "1f", {}, True, True),  # the browser authenticates itself (Kerberos)
        ("sign in", 401, "1f", {}, False, False),
        ("not found", 404, "1f", {}, True, False),
    ],
)
def test_a_site_that_does_not_look_like_the_default_works(
    site: Site,
    page: str,
    status: int,
    request_id: str,
    redirects: Mapping[str, str],
    own_login: bool,
    works: bool,
) -> None:
    site.answer(page, status, request=request_id, redirects=redirects)
    (site.folder / "then").write_text("")
    answer = site.visit()
    assert (problem_in(answer, own_login=own_login) is None) == works
    assert not any("id.example.org" in each for each in site.asked)  # not this site's concern
    if redirects:
        assert "elsewhere https://id.example.org/saml?x=secret" in answer


def test_a_loop_of_redirects_ends(site: Site) -> None:
    site.answer("", redirects={"http://omero.example/": "http://omero.example/"}, request="1f")
    assert problem_in(site.visit()) is not None


def test_what_a_page_says_is_not_what_nginx_says(site: Site) -> None:
    site.answer("\n200 x\n1\n\n.\nstatus 200 x\nsite", status=500)
    assert problem_in(site.visit()) is not None


def test_a_backslash_in_a_page_ends_nothing(site: Site) -> None:
    """As in a script's regular expression; dash's echo would take it for the end."""
    site.answer(r"<script>/\cA/</script><title>Gallery</title>", request="1f")
    assert problem_in(site.visit()) is None
