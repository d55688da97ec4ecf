"""Planned maintenance on two front doors: one beside OMERO.web, one on a host with NGINX alone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import requests

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_entry, inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import assert_maintenance, assert_serves

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PREFIX = "/omero"
LOGIN = f"{PREFIX}/webclient/login/"
SHOWN = "/var/lib/omero-web-maintenance/planned/maintenance.html"
END = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=2)
MESSAGE = 'New disks for <OMERO> & "friends"; it\'s $HOME {{ message }}'
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 260 64"><rect width="260" height="64" '
    'rx="10" fill="#7a1f5c"/><text x="130" y="43" font-size="32" text-anchor="middle" '
    'font-family="sans-serif" fill="#fff">Imaging Core</text></svg>'
)


class Site(NamedTuple):
    """both: OMERO.web with its own NGINX. front: NGINX alone. friend: may see the site always."""

    both: Host
    front: Host
    friend: Host

    def inventory(self, **data: object) -> str:
        both = docker_entry(self.both)
        return inventory(
            {"redis": [both], "web": [(both, {"address": self.both.ip})],
             "nginx": [both, (docker_entry(self.front), {"address": self.front.ip})]},
            web_config={"omero.web.prefix": PREFIX},
            nginx_maintenance_allow=[self.friend.ip],
            **data,
        )  # fmt: skip

    def by_pyinfra(self, action: str, *arguments: str, expect: int = 0) -> Deployment:
        name = f"roles.nginx.maintenance.{action}"
        return deploy(self.inventory(), *arguments, deploy_file=name, expect=expect)

    def seen_by_friend(self, host: Host, path: str) -> int:
        """The status that the address of nginx_maintenance_allow gets."""
        ask = (
            "import sys, urllib.error, urllib.request as r\n"
            "try: print(r.urlopen(sys.argv[1]).status)\n"
            "except urllib.error.HTTPError as error: print(error.status)"
        )
        return int(self.friend.run(["python3", "-c", ask, f"http://{host.ip}{path}"]).stdout)


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_image: str) -> Iterator[Site]:
    with (
        make_session_host("plain", image=deployed_image) as both,
        make_session_host("plain") as front,
        make_session_host("plain") as friend,
    ):
        site = Site(both, front, friend)
        deploy(site.inventory())
        yield site


@pytest.fixture(autouse=True)
def _off(site: Site) -> Iterator[None]:
    yield
    for host in (site.both, site.front):
        host.run("omeroweb-ops maintenance off")


def test_on_and_off_by_pyinfra_reach_every_front_door(site: Site) -> None:
    given = (f"message={MESSAGE}", f"until={END.isoformat()}")
    assert site.by_pyinfra("on", *given).changed == 2
    assert site.by_pyinfra("on", *given).changed == 0
    for host in (site.both, site.front):
        for method in ("GET", "HEAD", "POST"):
            for path in ("/", PREFIX, LOGIN, f"{PREFIX}/static/webgateway/css/ome.css", "/x.php"):
                answer = host.http(path, method=method, data=b"x" * 9000)
                assert answer.status_code == 503, f"{method} {path}"
                assert answer.headers["Cache-Control"] == "no-store"
                assert parsedate_to_datetime(answer.headers["Retry-After"]) == END
                assert not {"Last-Modified", "ETag"} & answer.headers.keys()
                assert bool(answer.text) == (method != "HEAD")
        told = host.http(f"{PREFIX}/api/v0/").json()
        assert told["message"] == MESSAGE
        assert datetime.fromisoformat(told["expected_end"]) == END
    assert site.by_pyinfra("off").changed == 2
    assert site.by_pyinfra("off").changed == 0
    for host in (site.both, site.front):
        assert_serves(host, PREFIX)


def test_it_begins_and_ends_with_the_next_request(site: Site) -> None:
    """Of every process of NGINX, for pages and for files that NGINX keeps open."""
    style = re.search(r'href="(/[^"]+\.css[^"]*)"', site.front.http(LOGIN).text)
    assert style
    paths = (LOGIN, style[1], f"{PREFIX}/static/gone.css")
    for host in (site.both, site.front):
        for _turn in range(3):  # the files of the maintenance before are known by now
            for path, status in zip(paths, (200, 200, 404), strict=True):
                assert {host.http(path).status_code for _ in range(30)} == {status}
            host.run("omeroweb-ops maintenance on --until +1h")
            for path in paths:
                answers = [host.http(path) for _ in range(30)]
                assert {each.status_code for each in answers} == {503}
                assert {each.headers["Retry-After"] for each in answers} != {"600"}
            host.run("omeroweb-ops maintenance on --message 'without an end'")
            for path in paths:
                assert {host.http(path).headers["Retry-After"] for _ in range(30)} == {"600"}
            host.run("omeroweb-ops maintenance off")


def test_a_mistake_is_told_before_any_host_is_changed(site: Site) -> None:
    for argument, told in (
        ("until=next week", "--until: must be a time, not 'next week'. Example: 2026-11-25T18:00"),
        ("until=2001-01-01T00:00Z", "is in the past"),
        ("message=\x1b[31mred", "--message: must be plain text without control characters"),
        ("mesage=x", "mesage: not known; must be message=… or until=…"),
    ):
        run = site.by_pyinfra("on", argument, expect=1)
        assert told in run.output
        assert "Traceback" not in run.output
    for host in (site.both, site.front):
        assert host.http(LOGIN).status_code == 200


def test_the_command_works_on_each_host_as_whom_it_is_meant_for(site: Site) -> None:
    for host, user in ((site.front, "root"), (site.both, "root"), (site.both, "omero-web")):
        assert host.run("omeroweb-ops maintenance status", user=user, check=False).exit_code == 1
        host.run(["omeroweb-ops", "maintenance", "on", "--message", MESSAGE], user=user)
        assert_maintenance(host, LOGIN)
        assert host.http(LOGIN).headers["Retry-After"] == "600"
        assert MESSAGE in host.run("omeroweb-ops maintenance status", user=user).stdout
        host.run("omeroweb-ops maintenance off", user=user)
        assert host.http(LOGIN).status_code == 200
    stranger = site.both.run("omeroweb-ops maintenance on", user="www-data", check=False)
    assert "run it as root" in stranger.stderr
    assert site.both.http(LOGIN).status_code == 200


def test_where_nginx_is_elsewhere_the_command_says_so(site: Site) -> None:
    script = "/usr/local/sbin/omero-web-maintenance"
    site.both.run(f"mv {script} {script}.away")  # as on a host without an NGINX
    done = site.both.run("omeroweb-ops maintenance on --message x", check=False)
    site.both.run(f"mv {script}.away {script}")
    assert done.exit_code == 1
    assert "NGINX is not on this host" in done.stderr


def test_an_allowed_address_sees_the_site_and_when_it_is_away_the_message(site: Site) -> None:
    style = re.search(r'href="(/[^"]+\.css)', site.front.http(LOGIN).text)
    assert style
    site.front.run("omeroweb-ops maintenance on --message 'New disks'")
    for path in (LOGIN, style[1]):
        assert site.front.http(path).status_code == 503
        assert site.seen_by_friend(site.front, path) == 200
    site.both.run("omero web stop")
    assert site.seen_by_friend(site.front, LOGIN) == 503
    assert "New disks" in site.front.http(LOGIN).text
    site.both.run("omero web start")
    assert site.seen_by_friend(site.front, LOGIN) == 200


def test_only_off_ends_it(site: Site, tmp_path: Path) -> None:
    site.by_pyinfra("on", "message=New disks")
    before = [host.run(f"stat -c '%i %y' {SHOWN}").stdout for host in (site.both, site.front)]
    unchanged = deploy(site.inventory())
    assert unchanged.changed_operations == ()
    assert unchanged.output.count("planned maintenance is on: http://") == 2
    page = tmp_path / "away.html"
    page.write_text("<title>OMERO.web - Maintenance</title><p>Ours: {{ message }}</p>\n")
    changed = deploy(site.inventory(nginx_maintenance_page=str(page)))
    assert set(changed.changed_operations) == {"NGINX | Write maintenance page"}
    site.both.run("nginx -s reload")
    site.front.reboot()  # nothing is started at boot without systemd
    site.front.run("supervisord -c /etc/supervisor/supervisord.conf")
    site.front.wait_until(lambda: site.front.http("/").status_code == 503, 60, "NGINX is up")
    for host in (site.both, site.front):
        assert_maintenance(host, LOGIN)
        assert "Ours" not in host.http(LOGIN).text
    after = [host.run(f"stat -c '%i %y' {SHOWN}").stdout for host in (site.both, site.front)]
    assert after == before

    site.by_pyinfra("off")
    site.by_pyinfra("on", "message=<New disks>")
    for host in (site.both, site.front):
        assert "<p>Ours: &lt;New disks&gt;</p>" in host.http(LOGIN).text
    deploy(site.inventory())


def test_another_release_shows_the_site_or_the_page_and_never_an_error(
    site: Site, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("# ours\n" + (ROOT / "app" / "requirements.txt").read_text())
    seen: dict[str, int] = {}
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.05):
            try:
                answer = site.both.http(LOGIN, timeout=60)
            except requests.RequestException as error:
                kind = repr(error)
            else:
                page = "OMERO.web - Maintenance" in answer.text
                kind = f"{answer.status_code}{' page' if page else ''}"
            seen[kind] = seen.get(kind, 0) + 1

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        run = deploy(site.inventory(web_requirements=str(lock)))
    finally:
        done.set()
        visitor.join()
    assert "OMERO.web | Run omero-web" in run.changed_operations
    assert seen.keys() <= {"200", "503 page"}, seen
    assert seen["200"] > 0


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_with_logo_message_and_end_looks_right(
    site: Site, browser: Browser, screenshots: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    if 'class="logo"' not in site.front.read("/usr/local/share/omero-web/planned.html"):
        logo = tmp_path / "logo.svg"
        logo.write_text(LOGO)
        page_setting = {"logo": str(logo), "contact": "omero@example.org"}
        deploy(site.inventory(nginx_maintenance_page=page_setting))
    site.front.run(
        ["omeroweb-ops", "maintenance", "on", "--until", END.isoformat(), "--message",
         "We move the image store to new disks.\nViewing and downloading come back first."]
    )  # fmt: skip
    page = browser.new_page(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(f"http://{site.front.ip}{PREFIX}/webclient/")
    assert answer
    assert answer.status == 503
    assert page.evaluate("document.querySelector('img.logo').naturalWidth") > 0
    assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert "We move the image store" in page.inner_text(".note")
    assert f"{END.day} {END:%B}" in page.inner_text("#end")
    page.screenshot(path=str(screenshots / f"planned-{width}-{scheme}.png"), full_page=True)
    # the page, and its look whether OMERO.web is back
    assert {url for url in asked if not url.startswith("data:")} <= {
        f"http://{site.front.ip}{path}" for path in (f"{PREFIX}/webclient/", LOGIN)
    }
    page.close()
