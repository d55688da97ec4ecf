"""A simulation of an idle deploy over many hosts: remote calls, one controller, a slow line.

pyinfra runs an operation on many hosts at once, and begins the next one when the last host has
ended. So a call of one host waits for a line, and the calls of all hosts share one core of the
controller, because pyinfra is one process (gevent: one greenlet for each host). At most
`--parallel` hosts are worked on at the same time; the default is 20 for each core of the controller
(pyinfra 3.10.0, pyinfra/api/state.py).
"""

from __future__ import annotations

import heapq
import itertools
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """What a deploy costs, as measured.

    start: seconds of the controller before and after all calls, whatever the number of hosts.
    calls: remote calls for each host. cpu: seconds of the controller's CPU for each call. remote:
    seconds that a call takes on the host. round_trips: of the line, for each call.
    """

    start: float
    calls: int
    cpu: float
    remote: float
    round_trips: float


class _Servers:
    """Identical servers with one queue, in which the first that comes is served first."""

    def __init__(self, count: int) -> None:
        self._free = [0.0] * count

    def serve(self, arrival: float, duration: float) -> float:
        """Return when a piece of work that arrives then has ended; arrivals come in order."""
        end = max(arrival, heapq.heappop(self._free)) + duration
        heapq.heappush(self._free, end)
        return end


def idle_deploy(
    costs: Costs,
    hosts: int,
    latency: float,
    *,
    parallel: int = 40,
    host_cores: int | None = None,
) -> float:
    """Return the seconds of an idle deploy.

    latency: seconds of a round trip. parallel: hosts at the same time. host_cores: that all hosts
    share, if they are test hosts of one machine; each host has its own if this is None.
    """
    step = _call_on_all(costs, hosts, latency, parallel, host_cores)
    return costs.start + costs.calls * step


def _call_on_all(
    costs: Costs, hosts: int, latency: float, parallel: int, host_cores: int | None
) -> float:
    """Return the seconds until the last host has ended one call.

    The controller's CPU is needed before a request is sent, and again when the answer is there.
    """
    controller, cores = _Servers(1), _Servers(host_cores or hosts)
    line = costs.round_trips * latency / 2
    number = itertools.count()  # the order of events at the same time
    events = [(0.0, next(number), 0) for _host in range(min(hosts, parallel))]
    waiting = hosts - len(events)
    latest = 0.0
    while events:
        now, _number, stage = heapq.heappop(events)
        if stage == 0:
            following = controller.serve(now, costs.cpu / 2) + line
        elif stage == 1:
            following = cores.serve(now, costs.remote) + line
        else:
            latest = max(latest, controller.serve(now, costs.cpu / 2))
            if waiting:
                waiting -= 1
                heapq.heappush(events, (latest, next(number), 0))
            continue
        heapq.heappush(events, (following, next(number), stage + 1))
    return latest


def calibrate(
    calls: int,
    processor: dict[int, float],
    seconds: float,
    slow_seconds: float,
    latency: float,
) -> Costs:
    """Return the costs that measurements of real deploys mean.

    processor: seconds of the controller's CPU by number of hosts, of at least two numbers. seconds
    and slow_seconds: of a deploy to one host, without latency and with it. latency: seconds.
    """
    start, each = fit(processor)
    cpu = max(each, 0.0) / calls
    remote = max(seconds - start - each, 0.0) / calls
    round_trips = max(slow_seconds - seconds, 0.0) / latency / calls
    return Costs(start, calls, cpu, remote, round_trips)


def fit(points: dict[int, float]) -> tuple[float, float]:
    """Return the intercept and the slope of the line through the points, by least squares."""
    slope, intercept = statistics.linear_regression([*points], [*points.values()])
    return intercept, slope
