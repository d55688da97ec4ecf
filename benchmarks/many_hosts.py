"""Deploys to one and more web hosts over SSH, and a simulation of what many hosts would take.

The hosts are copies of one that has had a deploy; the first has Redis and NGINX too. The simulation
uses the controller's CPU time and the remote calls of these deploys, and is compared with deploys
over a line with latency.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks import simulation
from benchmarks.delay import relay
from benchmarks.fleet import fleet, traced
from benchmarks.ice_wheel import kept_wheel
from benchmarks.measurement import Measurement
from benchmarks.simulation import Costs
from benchmarks.terminal import run_alone
from benchmarks.trace import Trace
from tests.integration import load
from tests.integration.hosts import Fleet, Host, HostEntry, inventory, ssh_entry

COUNTS = (1, 2, 4, 10)
VALIDATED = (1, 2, 4)
CHANGED, CHANGE = 4, "a property on four web hosts, with visitors"
LATENCY, CALIBRATED = 0.02, 0.1  # seconds of a round trip: of the validation, of the calibration
CORES = 2  # that the test hosts share with the controller
SIMULATED_HOSTS, LATENCIES = (1, 10, 100, 250, 1000), (0.001, 0.02, 0.1)
PARALLEL = (40, 300)  # pyinfra's default with two cores, and what 1,024 open files allow
MEASURED = "idle deploy, measured"
SIMULATED = "idle deploy, simulated, {parallel} hosts at once"
VALIDATION, CALIBRATION = "simulation beside measurement", "calibration"
_SECRETS = {
    "redis_password": "of the benchmark's hosts",
    "omero.web.secret_key": "of the benchmark's hosts, one for all",
}


@dataclass
class Site:
    """Web hosts over SSH, of which the first has Redis and NGINX too."""

    hosts: list[Host]
    key: Path
    secrets: Path
    wheel: Path

    def inventory(self, count: int, ports: Sequence[int] = (), page_size: int = 200) -> str:
        """Return the inventory of the first hosts. ports: of relays that lead to them, if any."""
        entries = [self._entry(number, ports) for number in range(count)]
        groups: dict[str, list[HostEntry]] = {
            "redis": [*entries[:1]],
            "web": [*entries],
            "nginx": [*entries[:1]],
        }
        config = {"omero.web.wsgi_workers": 1, "omero.web.page_size": page_size}
        data: dict[str, object] = {"web_config": config}
        bind = f"127.0.0.1 {self.hosts[0].ip}"
        return inventory(groups, web_ice_wheel=str(self.wheel), redis_bind=bind, **data)

    def _entry(self, number: int, ports: Sequence[int]) -> HostEntry:
        host = self.hosts[number]
        name, data = ssh_entry(host, self.key)
        data |= {"address": host.ip, "web_secrets": str(self.secrets)}
        if ports:
            data |= {"ssh_hostname": "127.0.0.1", "ssh_port": ports[number]}
        return name, data


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield measured deploys, what they say about one call, and simulated deploys."""
    deploys: dict[tuple[int, float], list[tuple[float, Trace]]] = {}
    with fleet() as hosts:
        site = _site(hosts)
        image = site.hosts[0].commit()
        for count in COUNTS:
            while len(site.hosts) < count:
                site.hosts.append(hosts.make_host("ssh", image=image))
            traced(site.inventory(count))
            traced(site.inventory(count))  # the first idle one may try the configuration again
            for _pair in range(pairs):
                for latency in _latencies(count):
                    done = _deploy(site, count, latency)
                    deploys.setdefault((count, latency), []).append(done)
                    if not latency:
                        yield Measurement("idle deploy", "bundle", done[0], "s", MEASURED, count)
                        cpu = done[1].cpu
                        name = "CPU time of the controller"
                        yield Measurement(name, "bundle", cpu, "s", MEASURED, count)
            if count == CHANGED:
                yield from _changes(hosts, site, pairs)
    yield from simulated(deploys)


def _changes(hosts: Fleet, site: Site, pairs: int) -> Iterator[Measurement]:
    """Change a property of all web hosts while visitors come."""
    with hosts.make_host("plain") as source:
        load.install(source)
        for pair in range(pairs):
            with load.visitors(source, site.hosts[0]) as report:
                took, _trace = traced(site.inventory(CHANGED, page_size=100 + pair))
            yield Measurement(CHANGE, "bundle", took, "s")
            yield Measurement(f"{CHANGE}: failed", "bundle", report.failed, "requests")
            answered = report.answers.get(200, 0)
            yield Measurement(f"{CHANGE}: answered", "bundle", answered, "requests")
    traced(site.inventory(CHANGED))


def _latencies(count: int) -> tuple[float, ...]:
    """Return the latencies with which so many hosts get a deploy."""
    if count == 1:
        return (0.0, LATENCY, CALIBRATED)
    return (0.0, LATENCY) if count in VALIDATED else (0.0,)


def simulated(
    deploys: dict[tuple[int, float], list[tuple[float, Trace]]],
) -> Iterator[Measurement]:
    """Yield the calibration, simulations beside measurements, and simulations of many hosts."""
    seconds = {
        key: statistics.median(took for took, _trace in each) for key, each in deploys.items()
    }
    processor = {
        count: statistics.median(trace.cpu for _took, trace in each)
        for (count, latency), each in deploys.items()
        if not latency
    }
    calls = max(trace.calls_per_host() for _took, trace in deploys[1, 0.0])
    costs = simulation.calibrate(
        calls, processor, seconds[1, 0.0], seconds[1, CALIBRATED], CALIBRATED
    )
    yield from _calibration(costs)
    for (count, latency), measured in seconds.items():
        expected = simulation.idle_deploy(costs, count, latency, host_cores=CORES)
        for name, value in (("measured", measured), ("simulated", expected)):
            title = f"{latency * 1000:g} ms, {name}"
            yield Measurement(title, "bundle", value, "s", VALIDATION, count)
    for parallel, count, latency in itertools.product(PARALLEL, SIMULATED_HOSTS, LATENCIES):
        took = simulation.idle_deploy(costs, count, latency, parallel=parallel)
        group = SIMULATED.format(parallel=parallel)
        yield Measurement(f"{latency * 1000:g} ms", "bundle", took, "s", group, count)


def _calibration(costs: Costs) -> Iterator[Measurement]:
    for name, value, unit in (
        ("start of the controller", costs.start, "s"),
        ("remote calls for each host", costs.calls, "calls"),
        ("CPU time of the controller for each call", costs.cpu * 1000, "ms"),
        ("time of a call on the host", costs.remote * 1000, "ms"),
        ("round trips for each call", costs.round_trips, "round trips"),
    ):
        yield Measurement(name, "bundle", value, unit, CALIBRATION)


def _deploy(site: Site, count: int, latency: float) -> tuple[float, Trace]:
    with contextlib.ExitStack() as stack:
        ports = [
            stack.enter_context(relay(host.ip, 22, latency))
            for host in site.hosts[:count]
            if latency
        ]
        return traced(site.inventory(count, ports))


def _site(hosts: Fleet) -> Site:
    """Make and deploy the first host."""
    secrets = Path(tempfile.mkdtemp()) / "secrets.yml"
    secrets.touch(mode=0o600)
    secrets.write_text(yaml.safe_dump(_SECRETS))
    site = Site([hosts.make_host("ssh")], hosts.key, secrets, kept_wheel())
    traced(site.inventory(1))
    return site


if __name__ == "__main__":
    run_alone(measure)
