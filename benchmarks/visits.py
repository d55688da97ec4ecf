"""What a visitor loads, and how many visitors at once: the bundle's NGINX beside upstream's own.

Both stand on one host in front of the same gunicorn; upstream's configuration is the one that
`omero web config nginx` prints.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks.fleet import fleet
from benchmarks.measurement import SIDES, Measurement, Side, in_turn
from benchmarks.terminal import run_alone
from tests.integration.chromium import launch
from tests.integration.engine import apt_install
from tests.integration.hosts import Host, deploy, docker_inventory, wait_until

LOGIN = "/webclient/login/"
UPSTREAM_PORT = 8080
SECONDS = 8
ASSETS = "CSS, JavaScript, images"
VISITS = ("first visit", "repeat visit")


@dataclass
class Visit:
    """What one look at the login page costs, as the browser's network log tells.

    bytes: of css, js and images, as they come over the wire; with_headers: and their headers.
    """

    requests: int = 0
    bytes: int = 0
    with_headers: int = 0


def visits(browser: Browser, url: str) -> tuple[Visit, Visit]:
    """A first visit, and a repeat visit with the cache of the first."""
    context = browser.new_context(ignore_https_errors=True)
    seen = (_visit(context.new_page(), url), _visit(context.new_page(), url))
    context.close()
    return seen


def _visit(page: Any, url: str) -> Visit:
    visit, cached, pages, received = Visit(), set(), set(), Counter[str]()
    log = page.context.new_cdp_session(page)
    log.send("Network.enable")

    def answered(event: dict[str, Any]) -> None:
        if event["type"] == "Document":
            pages.add(event["requestId"])
        if event["response"].get("fromDiskCache"):
            cached.add(event["requestId"])

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] not in cached:
            visit.requests += 1
            if event["requestId"] not in pages:
                visit.with_headers += int(event["encodedDataLength"])
                visit.bytes += received[event["requestId"]]

    log.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))

    def came(event: dict[str, Any]) -> None:
        received[event["requestId"]] += int(event["encodedDataLength"])

    log.on("Network.responseReceived", answered)
    log.on("Network.dataReceived", came)
    log.on("Network.loadingFinished", finished)
    page.goto(url, wait_until="networkidle")
    return visit


def per_second(url: str, connections: int) -> float:
    """Requests a second, by wrk."""
    done = subprocess.run(
        ["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}s", url],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found and "Non-2xx" not in done.stdout, done.stdout
    return float(found[1])


def stand_upstream_beside(host: Host) -> None:
    """The documented site, on another port of the same NGINX."""
    printed = host.run(f"omero web config nginx --http {UPSTREAM_PORT}", user="omero-web").stdout
    site = printed[printed.index("upstream") :]
    host.write("/etc/nginx/conf.d/upstream.conf", site.replace("default_server", ""))
    host.run("nginx -t -q && nginx -s reload")
    wait_until(lambda: host.http(LOGIN, port=UPSTREAM_PORT).ok, 30, "upstream's site")


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield what visits of the login page cost on both sites, and requests a second."""
    if shutil.which("wrk") is None:
        apt_install("wrk")
    with fleet() as hosts, hosts.make_host("plain") as host:
        # a rate limit is for log-ins; reading the page is not limited
        deploy(docker_inventory(host, web_config={"omero.web.wsgi_workers": 4}))
        stand_upstream_beside(host)
        sites: dict[Side, str] = {
            "documented": f"http://{host.ip}:{UPSTREAM_PORT}",
            "bundle": f"http://{host.ip}",
        }
        page = host.http(LOGIN).text
        static = next(iter(re.findall(r'src="([^"]*\.js[^"]*)"', page)))
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for side, url in sites.items():
                for which, visit in zip(VISITS, visits(browser, url + LOGIN), strict=True):
                    yield Measurement(f"{which}: requests", side, visit.requests, "requests")
                    yield Measurement(
                        f"{which}: CSS, JavaScript, images", side, visit.bytes, "bytes"
                    )
                    yield Measurement(f"{which}: with headers", side, visit.with_headers, "bytes")
            browser.close()
        for pair in range(pairs):
            for path, what in ((LOGIN, "login page"), (static, "a static file")):
                for connections in (16, 64):
                    for side in in_turn(pair, SIDES):
                        rate = per_second(sites[side] + path, connections)
                        yield Measurement(f"{what}, {connections} connections", side, rate, "1/s")


if __name__ == "__main__":
    run_alone(measure)
