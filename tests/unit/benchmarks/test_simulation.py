"""The simulation of remote calls, in cases that can be computed without it."""

from __future__ import annotations

import pytest

from benchmarks.simulation import Costs, calibrate, fit, idle_deploy

COSTS = Costs(start=1.0, calls=10, cpu=0.02, remote=0.1, round_trips=2.0)


def test_one_host_pays_everything_once_for_each_call() -> None:
    # 10 calls of 0.02 s CPU, 0.1 s on the host and two round trips of 0.05 s
    assert idle_deploy(COSTS, 1, latency=0.05) == pytest.approx(1 + 10 * (0.02 + 0.1 + 2 * 0.05))


def test_hosts_work_side_by_side_while_the_controller_waits() -> None:
    # Requests are sent at 0.01, 0.02 … 0.04; the last answer is there at 0.14 and costs 0.01.
    assert idle_deploy(COSTS, 4, latency=0.0) == pytest.approx(1 + 10 * (0.04 + 0.1 + 0.01))


def test_with_many_hosts_the_controller_s_cpu_is_the_limit() -> None:
    # 1,000 hosts need 10 s to be asked, and as long for their answers, of which 10 are early
    took = idle_deploy(COSTS, 1000, latency=0.0, parallel=1000)
    assert took == pytest.approx(1 + 10 * 20, rel=0.01)


def test_more_hosts_than_pyinfra_works_on_at_once_take_their_turn() -> None:
    costs = Costs(start=0.0, calls=1, cpu=0.0, remote=0.1, round_trips=1.0)
    assert idle_deploy(costs, 4, 0.05, parallel=2) == pytest.approx(2 * 0.15)
    assert idle_deploy(costs, 5, 0.05, parallel=2) == pytest.approx(3 * 0.15)


def test_latency_counts_once_for_each_call_whatever_the_number_of_hosts() -> None:
    near, far = (idle_deploy(COSTS, 4, latency) for latency in (0.0, 0.1))
    assert far - near == pytest.approx(10 * 2 * 0.1)


def test_test_hosts_of_one_machine_share_its_cores() -> None:
    # 0.1 s on each of 4 hosts with 1 core: the first begins at 0.01; the last answer costs 0.01
    assert idle_deploy(COSTS, 4, 0.0, host_cores=1) == pytest.approx(1 + 10 * (0.01 + 0.4 + 0.01))


def test_a_calibration_finds_the_costs_of_simulated_deploys() -> None:
    seconds, slow = (idle_deploy(COSTS, 1, latency) for latency in (0.0, 0.02))
    processor = {count: 1.0 + count * 10 * 0.02 for count in (1, 2, 4)}
    found = calibrate(10, processor, seconds, slow, 0.02)
    assert found.calls == 10
    assert found.start == pytest.approx(1.0)
    assert found.cpu == pytest.approx(0.02)
    assert found.remote == pytest.approx(0.1)
    assert found.round_trips == pytest.approx(2.0)


def test_a_line_through_points() -> None:
    assert [*fit({1: 3.0, 3: 7.0})] == pytest.approx([1.0, 2.0])
