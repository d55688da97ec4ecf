"""The example of a CI pipeline: the script does its jobs, and the pipeline calls only them."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.documentation.blocks import ROOT

EXAMPLES = ROOT / "docs/examples"
SCRIPT = EXAMPLES / "ci.sh"
# https://docs.gitlab.com/ci/yaml/
KEYWORDS = {"script", "rules", "parallel", "environment", "needs", "resource_group"}
GLOBAL = {"image", "variables", "cache", "default"}
RUN = """#!/bin/sh
echo "$@" > called
stat -c %a site/secrets.yml >> called
exit "$STATUS"
"""


def job(directory: Path, *arguments: str, status: int) -> subprocess.CompletedProcess[str]:
    """Run the script with a bundle whose `run` ends with the status."""
    (directory / "bundle").mkdir(exist_ok=True)
    (directory / "site").mkdir(exist_ok=True)
    run = directory / "bundle/run"
    run.write_text(RUN)
    run.chmod(run.stat().st_mode | stat.S_IXUSR)
    (directory / "secret").write_text("redis_password: x\n")
    variables = {"SECRETS": "secret", "SSH_KEY": "key", "STATUS": str(status)}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=directory,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("verb", "status", "expected"),
    [("plan", 0, 0), ("plan", 2, 0), ("plan", 1, 1), ("deploy", 0, 0), ("deploy", 2, 2)],
)
def test_a_job_ends_as_the_page_says(verb: str, status: int, expected: int, tmp_path: Path) -> None:
    done = job(tmp_path, verb, "site", status=status)
    assert done.returncode == expected, done.stderr
    assert (tmp_path / "called").read_text() == f"{verb} site --ssh-key key\n600\n"
    assert not (tmp_path / "site/secrets.yml").exists()


def test_another_job_is_refused(tmp_path: Path) -> None:
    done = job(tmp_path, "destroy", "site", status=0)
    assert done.returncode == 1 and "usage" in done.stderr
    assert not (tmp_path / "called").exists()


def test_shellcheck_finds_nothing_in_the_script() -> None:
    done = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_pipeline_calls_the_script() -> None:
    pipeline = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))
    jobs = {name: content for name, content in pipeline.items() if name not in GLOBAL}
    assert [*jobs] == ["plan", "test", "production"]
    for content in jobs.values():
        assert content.keys() <= KEYWORDS
        (line,) = content["script"]
        command, verb, _site = line.split()
        assert command == "./ci.sh" and f"    {verb}) " in SCRIPT.read_text().replace(")\n", ") \n")
