"""Completion by bash, as its own script asks for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from roles.cli.destination import PROJECT

COMPLETE = """
eval "$("$1" completion bash)"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_run_completion "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last word. The launcher is not on the PATH."""
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", PROJECT / "run", PROJECT / "run", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {*done.stdout.split()}


def test_commands_sites_and_options_are_completed(tmp_path: Path) -> None:
    for name in ("production", "preview"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.py").write_text("")
    assert complete(tmp_path, "de") == {"deploy"}
    assert {"status", "pyinfra", "init"} <= complete(tmp_path, "")
    assert complete(tmp_path, "deploy", "pr") == {"production", "preview"}
    assert complete(tmp_path, "maintenance", "on", "prod") == {"production"}
    assert complete(tmp_path, "plan", "production", "--use") == {"--user", "--use-sudo-password"}


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_script_calls_the_launcher_as_it_was_typed(shell: str) -> None:
    done = subprocess.run(
        [PROJECT / "run", "completion", shell], capture_output=True, text=True, check=True
    )
    assert "commands[run]" not in done.stdout
    called = {"bash": "=bash_complete $1)", "zsh": '=zsh_complete "${words[1]}")'}
    assert called[shell] in done.stdout
