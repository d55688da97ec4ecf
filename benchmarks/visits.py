"""What a visitor loads, and how many visitors at once: the bundle's NGINX beside upstream's own.

Both stand on one host in front of the same gunicorn; upstream's configuration is the one that
`omero web config nginx` prints.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.integration.chromium import launch
from tests.integration.engine import apt_install, ensure_engine
from tests.integration.hosts import Fleet, Host, deploy, docker_inventory, wait_until

LOGIN = "/webclient/login/"
UPSTREAM_PORT = 8080
SECONDS = 8


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


def main() -> None:
    """Measure and print."""
    if shutil.which("wrk") is None:
        apt_install("wrk")
    fleet = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        host = fleet.make_host("plain")
        # a rate limit is for log-ins; reading the page is not limited
        deploy(docker_inventory(host, web_config={"omero.web.wsgi_workers": 4}))
        stand_upstream_beside(host)
        sites = {"bundle": f"http://{host.ip}", "upstream": f"http://{host.ip}:{UPSTREAM_PORT}"}
        page = host.http(LOGIN).text
        static = next(iter(re.findall(r'src="([^"]+\.js[^"]*)"', page)))
        print(f"{'':32} {'bundle':>10} {'upstream':>10} {'ratio':>7}")
        with sync_playwright() as playwright:
            browser = launch(playwright)
            seen = {name: visits(browser, url + LOGIN) for name, url in sites.items()}
            browser.close()
        for number, which in enumerate(("first visit", "repeat visit")):
            row(f"{which}: requests", {name: seen[name][number].requests for name in sites})
            row(f"{which}: bytes of assets", {name: seen[name][number].bytes for name in sites})
            row(
                f"{which}: with headers",
                {name: seen[name][number].with_headers for name in sites},
            )
        for path, what in ((LOGIN, "login page"), (static, "a static file")):
            for connections in (16, 64):
                row(
                    f"{what}, {connections} connections: 1/s",
                    {name: per_second(url + path, connections) for name, url in sites.items()},
                )
    finally:
        fleet.remove()


def row(what: str, values: dict[str, float]) -> None:
    """One line of the table."""
    ours, theirs = values["bundle"], values["upstream"]
    ratio = f"{ours / theirs:7.2f}" if theirs else f"{'':7}"
    print(f"{what:32} {ours:10.0f} {theirs:10.0f} {ratio}", flush=True)


if __name__ == "__main__":
    main()
