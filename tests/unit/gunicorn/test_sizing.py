"""How many workers a machine gets where the site has not said it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.gunicorn import sizing
from omeroweb_ops.shared import cgroup

GB = 1 << 30


def test_cores_decide_and_memory_may_allow_less() -> None:
    assert sizing.workers(2, 24 * GB) == 5  # what upstream starts everywhere
    assert sizing.workers(1, 24 * GB) == 3
    assert sizing.workers(64, 512 * GB) == sizing.MAX_WORKERS
    assert sizing.workers(8, GB) == 4
    assert sizing.workers(8, GB // 4) == sizing.FEWEST
    assert sizing.workers(0.5, GB) == sizing.FEWEST


@given(st.floats(0.1, 512), st.integers(1 << 20, 1 << 45))
def test_there_are_always_some_and_never_very_many(cores: float, memory: int) -> None:
    found = sizing.workers(cores, memory)
    assert sizing.FEWEST <= found <= sizing.MAX_WORKERS
    assert found <= sizing.workers(cores + 1, memory * 2)


@given(st.floats(0.1, 512), st.integers(1 << 20, 1 << 45))
def test_threads_make_up_for_workers_that_memory_does_not_allow(cores: float, memory: int) -> None:
    workers = sizing.workers(cores, memory)
    threads = sizing.threads(cores, memory)
    assert workers * threads >= sizing.at_once(cores)
    assert threads == sizing.THREADS or sizing.at_once(cores) > workers * (threads - 1)


def test_two_downloads_leave_threads_of_each_worker_to_others() -> None:
    assert sizing.threads(2, 24 * GB) == 5
    assert sizing.threads(64, 512 * GB) == 5
    assert sizing.threads(2, GB // 2) == 5
    assert sizing.threads(8, GB // 2) == 9


def test_the_limits_of_cgroups_of_version_1_count(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    for each in ("cpu/own", "memory"):  # a container sees itself at the top, and another path
        (root / each).mkdir(parents=True)
    membership = tmp_path / "membership"
    membership.write_text("8:memory:/docker/1f\n5:cpu,cpuacct:/own\n1:name=systemd:/own\n0::/\n")
    (root / "cpu/own/cpu.cfs_quota_us").write_text("25000\n")
    (root / "cpu/own/cpu.cfs_period_us").write_text("100000\n")
    (root / "cpu/cpu.cfs_quota_us").write_text("-1\n")
    (root / "cpu/cpu.cfs_period_us").write_text("100000\n")
    (root / "memory/memory.limit_in_bytes").write_text("400000000\n")
    assert cgroup.cores(root, membership) == 0.25
    assert cgroup.memory(root, membership) == 400000000


def test_a_container_s_limits_count_wherever_they_are_set(tmp_path: Path) -> None:
    own = tmp_path / "cgroup/outer/inner"
    own.mkdir(parents=True)
    membership = tmp_path / "membership"
    membership.write_text("12:cpu:/elsewhere\n0::/outer/inner\n")
    (own / "cpu.max").write_text("max 100000\n")
    (own.parent / "cpu.max").write_text("50000 100000\n")
    (own / "memory.high").write_text("300000000\n")
    (own.parent / "memory.max").write_text("max\n")
    root = tmp_path / "cgroup"
    assert cgroup.cores(root, membership) == 0.5
    assert cgroup.memory(root, membership) == 300000000


def test_without_limits_it_is_the_machine_s(tmp_path: Path) -> None:
    nothing = tmp_path / "none"
    assert cgroup.cores(nothing, nothing) >= 1
    assert cgroup.memory(nothing, nothing) > GB // 4
