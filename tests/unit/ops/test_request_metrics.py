"""The workers' numbers and counts, with real processes that start, count and are killed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import prometheus_client
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omeroweb_ops.locations import Locations
from omeroweb_ops.ops import exposition, worker_slots
from omeroweb_ops.ops.request_metrics import BUCKETS, RequestMetrics
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

ANSWERS = st.tuples(
    st.sampled_from(["GET", "POST", "HEAD", "PROPFIND"]),
    st.sampled_from([101, 200, 204, 302, 404, 499, 500, 503, 599]),
    st.sampled_from([0.001, 0.25, 3.0, 100.0]),
)


class Workers:
    """Processes that take a number, count what they are told to and wait for the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.living: list[int] = []

    def start(self, answers: list[tuple[str, int, float]]) -> None:
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            requests = RequestMetrics(self.folder, worker_slots.acquire(self.folder))
            for answer in answers:
                requests.count(*answer)
            os.write(write, b"x")
            signal.pause()
        os.close(write)
        assert os.read(read, 1) == b"x"
        os.close(read)
        self.living.append(pid)

    def kill(self) -> None:
        """The oldest one, without a chance to tidy up."""
        if self.living:
            pid = self.living.pop(0)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@contextmanager
def workers() -> Iterator[Workers]:
    with tempfile.TemporaryDirectory() as folder:
        found = Workers(locations(Path(folder)).metrics)
        found.folder.parent.mkdir()
        try:
            yield found
        finally:
            while found.living:
                found.kill()


def locations(folder: Path) -> Locations:
    return Locations(folder, folder / "desired.json")


def samples(folder: Path) -> dict[tuple[str, ...], float]:
    """What a scrape of any worker gives: name and label values to value."""
    text = exposition.text(locations(folder.parent.parent), "").decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


STEPS = st.lists(st.one_of(st.none(), st.lists(ANSWERS, max_size=6)), max_size=10)


@settings(max_examples=15)
@given(STEPS)
def test_no_count_is_lost_or_doubled_whoever_is_killed(
    steps: list[list[tuple[str, int, float]] | None],
) -> None:
    """A step starts a worker that counts some answers, or kills the oldest one."""
    counted: Counter[tuple[str, str]] = Counter()
    seconds, most = 0.0, 0
    with workers() as running:
        for answers in steps:
            if answers is None:
                running.kill()
            else:
                running.start(answers)
                most = max(most, len(running.living))
                for method, status, time in answers:
                    known = "other" if method == "PROPFIND" else method
                    counted[known, f"{max(status // 100, 2)}xx"] += 1
                    seconds += time
            assert sorted(worker_slots.holders(running.folder).values()) == sorted(running.living)
            found = samples(running.folder)
            told = {key[1:]: value for key, value in found.items() if key[0].endswith("ests_total")}
            assert {key: value for key, value in told.items() if value} == counted
            assert found["omeroweb_workers",] == len(running.living)
            if most:
                duration = "omeroweb_http_request_duration_seconds"
                assert found[f"{duration}_count",] == counted.total()
                assert found[f"{duration}_sum",] == pytest.approx(seconds)
            assert len([*running.folder.glob("*.db")]) == 2 * most


def test_a_number_is_the_lowest_that_is_free() -> None:
    with workers() as running:
        for _ in range(3):
            running.start([])
        _first, second, third = running.living
        running.kill()
        running.start([])
        assert worker_slots.holders(running.folder) == {0: running.living[-1], 1: second, 2: third}


def test_the_times_are_in_buckets_that_add_up() -> None:
    with workers() as running:
        running.start([("GET", 200, 0.02), ("GET", 200, 0.02)])
        running.start([("GET", 200, 0.3), ("GET", 200, 99.0)])
        found = samples(running.folder)
        bucket = "omeroweb_http_request_duration_seconds_bucket"
        by_limit = {float(key[1]): value for key, value in found.items() if key[0] == bucket}
        assert by_limit == {
            limit: 2 * (limit >= 0.02) + (limit >= 0.3) + (limit == float("inf"))
            for limit in (*BUCKETS, float("inf"))
        }


def test_a_first_error_is_a_rise_from_zero() -> None:
    with workers() as running:
        running.start([])
        assert samples(running.folder)["omeroweb_http_requests_total", "POST", "5xx"] == 0


def test_a_start_is_from_nothing_only_where_no_worker_lives() -> None:
    """As a new master starts beside an old one, and as after a crash of the machine."""
    with workers() as running:
        running.start([("GET", 200, 0.1)])
        worker_slots.clear(running.folder)
        assert samples(running.folder)["omeroweb_http_requests_total", "GET", "2xx"] == 1
        running.kill()
        for path in running.folder.glob("*.db"):
            path.write_bytes(b"\xff" * 100)
        worker_slots.clear(running.folder)
        assert [*running.folder.iterdir()] == []
        running.start([("GET", 200, 0.1)])
        assert samples(running.folder)["omeroweb_http_requests_total", "GET", "2xx"] == 1


def test_before_the_first_start_there_is_nothing_to_clear(tmp_path: Path) -> None:
    worker_slots.clear(tmp_path / "metrics")


def test_metrics_of_a_site_s_own_app_stay_in_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/of/the/app")
    before: Callable[..., object] = values.ValueClass
    RequestMetrics(tmp_path, 0).count("GET", 200, 0.1)
    assert values.ValueClass is before
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == "/of/the/app"
    assert b"omeroweb_http" not in prometheus_client.generate_latest()


def test_a_full_disk_is_found_before_a_page_is_mapped(tmp_path: Path) -> None:
    RequestMetrics(tmp_path, 0)
    for path in tmp_path.glob("*.db"):
        assert path.stat().st_blocks * 512 >= 1 << 16


def test_what_is_no_worker_s_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.worker")
    (tmp_path / "1.worker").mkdir()
    (tmp_path / "x.worker").write_text("1")
    (tmp_path / "2.worker").write_text("9" * 100)
    assert worker_slots.holders(tmp_path) == {}
