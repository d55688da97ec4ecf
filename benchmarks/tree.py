"""How long a user waits for the tree of /webclient/ on a slow line.

The bundle's NGINX and upstream's own file stand on one host in front of the same gunicorn. The
browser is Chromium with the line that its developer tools call "Fast 3G".
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.fleet import fleet
from benchmarks.measurement import SIDES, Measurement, Side, in_turn
from benchmarks.terminal import run_alone
from benchmarks.visits import UPSTREAM_PORT, stand_upstream_beside
from tests.integration.chromium import launch
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.omero_server import ADA, omero_server
from tests.integration.visit import LIMIT, Visit

VISITS = ("first visit", "repeat visit")
TREE = "#dataTree .jstree-anchor"
# Chrome DevTools, front_end/core/sdk/NetworkManager.ts: 1.6 Mbit/s, 750 kbit/s and 150 ms, as its
# emulation needs them to behave so.
FAST_3G = {
    "offline": False,
    "latency": 562.5,  # ms
    "downloadThroughput": 1_600_000 * 0.9 / 8,  # bytes per second
    "uploadThroughput": 750_000 * 0.9 / 8,
}


@dataclass(frozen=True)
class Wait:
    """What a visit costs. seconds: until the tree is visible. bytes: of static files' content."""

    seconds: float
    requests: int
    bytes: int


class Transfers:
    """The requests of a page that reach the site, and the bytes of its static files."""

    def __init__(self, page: Page) -> None:
        self.urls: dict[str, str] = {}
        self.cached: set[str] = set()
        self.received: Counter[str] = Counter()
        self.log = page.context.new_cdp_session(page)
        self.log.send("Network.enable")
        self.log.on("Network.requestWillBeSent", self._sent)
        self.log.on("Network.responseReceived", self._answered)
        self.log.on("Network.requestServedFromCache", lambda e: self.cached.add(e["requestId"]))
        self.log.on("Network.dataReceived", self._came)

    def of(self, site: str) -> set[str]:
        """The requests to a site that no cache has answered."""
        return {
            each
            for each, url in self.urls.items()
            if url.startswith(site) and each not in self.cached
        }

    def static_bytes(self, site: str) -> int:
        """The bytes of static files, as they come over the line."""
        return sum(self.received[each] for each in self.of(f"{site}/static/"))

    def _sent(self, event: Mapping[str, Any]) -> None:
        self.urls[event["requestId"]] = event["request"]["url"]

    def _answered(self, event: Mapping[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self.cached.add(event["requestId"])

    def _came(self, event: Mapping[str, Any]) -> None:
        self.received[event["requestId"]] += int(event["encodedDataLength"])


def waits(browser: Browser, site: str) -> tuple[Wait, ...]:
    """Log in, then open /webclient/ on a slow line: with an empty cache, and again."""
    context = browser.new_context(ignore_https_errors=True)
    Visit(context.new_page(), site).log_in(ADA)
    found = tuple(_wait(context.new_page(), site, is_first) for is_first in (True, False))
    context.close()
    return found


def _wait(page: Page, site: str, is_first: bool) -> Wait:
    page.set_default_timeout(LIMIT)
    transfers = Transfers(page)
    if is_first:
        transfers.log.send("Network.clearBrowserCache")
    transfers.log.send("Network.emulateNetworkConditions", FAST_3G)
    began = time.monotonic()
    page.goto(f"{site}/webclient/", wait_until="commit")
    page.wait_for_selector(TREE, state="visible")
    seconds = time.monotonic() - began
    page.wait_for_load_state("networkidle")
    page.close()
    return Wait(seconds, len(transfers.of(site)), transfers.static_bytes(site))


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield what visits of /webclient/ cost on both sites."""
    with fleet() as hosts, hosts.make_host("plain", name="omero") as server:
        deploy(docker_inventory(server))
        server.run("supervisorctl stop all")
        with omero_server(server) as omero, hosts.make_host("plain") as host:
            config = {"omero.web.server_list": omero.server_list}
            deploy(docker_inventory(host, web_config=config))
            stand_upstream_beside(host)
            yield from compare(host, pairs)


def compare(host: Host, pairs: int) -> Iterator[Measurement]:
    """Yield the visits of a host where both sites are, in front of an OMERO.server."""
    sites: dict[Side, str] = {
        "documented": f"http://{host.ip}:{UPSTREAM_PORT}",
        "bundle": f"http://{host.ip}",
    }
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for pair in range(pairs):
            for side in in_turn(pair, SIDES):
                for which, wait in zip(VISITS, waits(browser, sites[side]), strict=True):
                    yield Measurement(f"{which}: time to the tree", side, wait.seconds, "s")
                    yield Measurement(f"{which}: requests", side, wait.requests, "requests")
                    yield Measurement(f"{which}: static files", side, wait.bytes, "bytes")
        browser.close()


if __name__ == "__main__":
    run_alone(measure)
