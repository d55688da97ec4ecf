"""The tests in parallel: how many processes, what each of them gets, what they share.

Integration tests mostly wait for a host, so there are more processes than cores. What runs here
runs in the controller, which loads the conftest.py of no folder below.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.session import NO_ENGINE, Session

if TYPE_CHECKING:
    import docker

# Hundreds of deploys are run from here: each would compile the project's modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

HERE = Path(__file__).parent
INTEGRATION = "tests/integration/"
# Begun first, or the run would end with one process busy and the others idle.
LONGEST = (
    "test_lifecycle.py",
    "test_front_door.py",
    "test_systemd_host.py",
    "test_swarm.py",
    "test_crash.py",
    "test_supervisor.py",
    "test_redis.py",
    "test_red_team.py",
    "test_compose.py",
    "test_image.py",
    "test_split.py",
    "test_plugins.py",
    "test_log_in.py",
    "test_public_site.py",
    "test_stay_logged_in.py",
    "test_transfers.py",
    "test_launcher.py",
    "test_takeover.py",
    "test_doctor.py",
    "test_debian_13.py",
    "test_maintenance.py",
    "test_matrix.py",
    "test_older_version.py",
    "test_backup.py",
    "test_acme.py",
    "test_uninstall.py",
)

LONG_FILE = 15.0  # seconds of a file that the report of times has

_session = pytest.StashKey[Session]()
_engine: pytest.StashKey[docker.DockerClient] = pytest.StashKey()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each core where a folder is asked for; none where they would only cost a start."""
    paths = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    files = [file for path in paths for file in ([path] if path.is_file() else _tests_in(path))]
    if len(files) < 2 or config.option.keyword:
        return 0
    return min(2 * (os.cpu_count() or 1), len(files))


def _tests_in(folder: Path) -> list[Path]:
    return list(folder.rglob("test_*.py"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort for several processes: the longest first, the short ones fill what is left."""
    if Session.of(config):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if not item.nodeid.startswith(INTEGRATION):
        return len(LONGEST) + 1
    return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a process one integration test at a time, or all that share a file's own fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda nodeid: nodeid if _alone(nodeid) else nodeid.split("::")[0]
    return scheduler


def _alone(nodeid: str) -> bool:
    return nodeid.startswith(INTEGRATION) and not _shares(nodeid.split("::")[0])


@cache
def _shares(file: str) -> bool:
    return 'scope="module"' in (HERE.parent / file).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each worker of the session."""
    stash = node.config.stash
    if _session not in stash:
        folder = tempfile.mkdtemp(prefix="omeroweb-bundle-session-")
        stash[_session] = Session(os.getpid(), Path(folder))
    node.workerinput["session"] = (stash[_session].pid, str(stash[_session].folder))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Bring up the engine before the first test, if a test needs it.

    Here and not in a worker: the worker that had started it could be the first to end.
    """
    missing = node.config.stash[_session].missing_engine
    known = _engine in node.config.stash or missing.exists()
    if known or not any(nodeid.startswith(INTEGRATION) for nodeid in ids):
        return
    from tests.integration.engine import EngineUnavailable, ensure_engine

    try:
        node.config.stash[_engine] = ensure_engine()
    except EngineUnavailable as reason:
        missing.write_text(str(reason))


@pytest.hookimpl(trylast=True)  # after the workers
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what the workers shared, and what is left of one that was killed."""
    stash = session.config.stash
    if _session in stash:
        shutil.rmtree(stash[_session].folder, ignore_errors=True)
    if _engine in stash:
        from tests.integration.hosts import remove_leftovers

        remove_leftovers(stash[_engine], os.getpid())


class FailuresAtOnce:
    """Names a test when it fails: the list at the end is many minutes away."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)  # after its letter
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.terminal.line(f" {report.nodeid} ({report.when})")


@pytest.hookimpl(trylast=True)  # once there is a reporter
def pytest_configure(config: pytest.Config) -> None:
    """Where there are workers, their failures are named as they come."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and config.getoption("numprocesses", None):
        config.pluginmanager.register(FailuresAtOnce(terminal))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report what the tests of the documentation have checked, and which tests did not run."""
    _report_documentation(terminalreporter)
    _report_times(terminalreporter)
    _report_missed(terminalreporter)


def _report_documentation(terminal: pytest.TerminalReporter) -> None:
    counts: Counter[str] = Counter()
    pages = 0
    for report in terminal.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "documentation":
                counts.update(json.loads(value))
                pages += 1
    if pages:
        terminal.section(f"documentation: {pages} pages")
        for what, number in sorted(counts.items()):
            terminal.line(f"{number:6} {what}")


def _report_times(terminal: pytest.TerminalReporter) -> None:
    """Print when each long file of tests began and ended, and the time of its tests together.

    A fixture of the whole session counts for the file that needs it first.
    """
    reports = [
        each
        for kind in ("passed", "failed", "error", "skipped", "")
        for each in terminal.stats.get(kind, [])
        if isinstance(each, pytest.TestReport)
    ]
    files: dict[str, list[pytest.TestReport]] = {}
    for each in reports:
        files.setdefault(each.nodeid.split("::")[0], []).append(each)
    began = min((each.start for each in reports), default=0)
    rows = [
        (min(each.start for each in found) - began, max(each.stop for each in found) - began,
         sum(each.duration for each in found), name)
        for name, found in files.items()
    ]  # fmt: skip
    long = sorted(row for row in rows if row[2] >= LONG_FILE)
    if long:
        terminal.section("time line, in seconds")
        terminal.line(f"{'from':>6} {'to':>6} {'busy':>6}")
        for start, stop, busy, name in long:
            terminal.line(f"{start:6.0f} {stop:6.0f} {busy:6.0f} {name}")


def _report_missed(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests did not run: a green line alone would read as "all is well"."""
    missed = [
        (report.nodeid, report.longrepr[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and NO_ENGINE in report.longrepr[2]
    ]
    if not missed:
        return
    terminalreporter.section("INTEGRATION TESTS DID NOT RUN", sep="!", red=True, bold=True)
    terminalreporter.line(missed[0][1].removeprefix("Skipped: "), red=True)
    terminalreporter.line(f"{len(missed)} tests say nothing about this version:", red=True)
    for nodeid, _ in missed:
        terminalreporter.line(f"  {nodeid}")
