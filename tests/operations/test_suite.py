"""The test run itself, in several processes: what it says, and what is made once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.session import Session

ROOT = Path(__file__).parents[2]
TWO = ("tests/integration/test_debian_13.py", "tests/integration/test_refusals.py")


def run_tests(*arguments: str, **variables: str) -> tuple[int, str]:
    """A run of its own, that finds no engine unless told so."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**inherited, "DOCKER_HOST": "unix:///no/such/socket", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_without_an_engine_a_run_says_what_did_not_run() -> None:
    exit_code, said = run_tests(*TWO)
    assert exit_code == 0
    assert "2 workers [" in said
    assert "INTEGRATION TESTS DID NOT RUN" in said
    assert "DOCKER_HOST=unix:///no/such/socket does not answer" in said
    for file in TWO:
        assert f"\n  {file}::test_" in said
    assert said.splitlines()[-1].strip("= ").split()[1] == "skipped"


def test_without_an_engine_a_run_in_ci_fails_and_names_each_test() -> None:
    exit_code, said = run_tests(*TWO, CI="true")
    assert exit_code == 1
    for file in TWO:
        assert f"ERROR {file}::test_" in said
    assert said.splitlines()[-1].strip("= ").split()[1] in ("error", "errors")


@pytest.mark.parametrize("arguments", [TWO[:1], (*TWO, "-k", "debian")], ids=["a file", "-k"])
def test_a_few_tests_run_without_workers(arguments: tuple[str, ...]) -> None:
    exit_code, said = run_tests(*arguments)
    assert exit_code == 0
    assert " skipped" in said.splitlines()[-1]
    assert "workers" not in said


def test_processes_that_ask_at_once_get_what_one_of_them_made(tmp_path: Path) -> None:
    made = []

    def make() -> str:
        made.append("it")
        return "it"

    session = Session(os.getpid(), tmp_path)
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda _: session.make_once("thing", make), range(8)))
    assert (given, made) == (["it"] * 8, ["it"])
