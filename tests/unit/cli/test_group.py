"""The verbs: which there are, how they end, and what they pass to pyinfra."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from roles.cli import group, host_options, pyinfra_run
from roles.cli.destination import PROJECT

RUN = PROJECT / "run"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.py").write_text("web = []\n")
    return tmp_path


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments with which pyinfra would have been run."""
    arguments: list[str] = []
    monkeypatch.setattr(pyinfra_run, "show", lambda *given: arguments.extend(given))
    return arguments


def test_each_verb_has_a_file_and_a_line_of_the_usage_text() -> None:
    usage = subprocess.run([RUN, "help"], capture_output=True, text=True, check=True).stdout
    shown = {line.split()[0] for line in usage.splitlines() if re.match("  [a-z]", line)}
    assert {*group.VERBS} == shown
    for verb in group.VERBS:
        assert (PROJECT / "roles/cli" / f"{verb}.py").is_file()
        found = group.group.get_command(click.Context(group.group), verb)
        assert found is not None
        assert found.name == verb
        assert found.help


@pytest.mark.parametrize("name", ["group", "destination", "plann"])
def test_another_file_beside_the_verbs_is_not_a_command(name: str) -> None:
    done = subprocess.run([RUN, name], capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert f"{name}: no such command" in done.stderr


@pytest.mark.parametrize("verb", sorted(group.VERBS))
def test_help_imports_no_pyinfra(verb: str) -> None:
    code = (
        "import sys; from roles.cli.group import main; status = main(sys.argv[1:]); "
        "sys.exit('pyinfra' in sys.modules or status)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{PROJECT}:{PROJECT / 'app'}"}
    done = subprocess.run(
        [sys.executable, "-c", code, verb, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"Usage: ./run {verb} ")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["deploy", "nowhere"], 1, "nowhere: there is no such site; looked for nowhere/site.py"),
        (["deploy", "--limt", "x"], 1, "No such option '--limt'"),
        (["deploy", "a", "b"], 1, "there is no such site"),
        (["audit", "nowhere"], 2, "there is no such site"),
        (["audit", "--service", "x"], 2, "'x' is not one of 'osv', 'pypi'"),
        (["maintenance", "of"], 1, "'of' is not one of 'on', 'off'"),
        (["maintenance", "off", "--message", "x"], 1, "--message and --until belong to `on`"),
        (["logs", "--follow", "--json"], 1, "--json and --follow exclude each other"),
        (["logs", "-n", "0"], 1, "0 is not in the range"),
        (["status", "nowhere"], 2, "there is no such site"),
        (["doctor", "--url"], 2, "No such option '--url'"),
        (["plan", "nowhere"], 1, "there is no such site"),
        (["completion", "fish"], 1, "'fish' is not one of 'bash', 'zsh'"),
        (["nothing"], 1, "No such command 'nothing'"),
    ],
)
@pytest.mark.usefixtures("site", "executed")
def test_a_wrong_command_line_ends_with_the_verb_s_status(
    capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    assert group.main(arguments) == status
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("site")
def test_options_reach_pyinfra_as_they_are(executed: list[str]) -> None:
    given = ["--limit", "web", "--limit", "nginx", "--use-sudo-password", "-vv", "--user", "admin"]
    group.main(["deploy", *given, "--ssh-key", "key", "site.py", "--", "--retry", "3"])
    *options, inventory, what = executed
    assert (inventory, what) == ("site.py", str(PROJECT / "deploy.py"))
    assert options[0] == "-y"
    assert options[-2:] == ["--retry", "3"]
    assert sorted(options[1:-2]) == sorted([*given[:-2], "--ssh-user", "admin", "--ssh-key", "key"])


@pytest.mark.usefixtures("site")
def test_maintenance_calls_the_role_s_function(executed: list[str]) -> None:
    group.main(["maintenance", "on", "site.py", "--message", "New disks", "--until", "18:00"])
    what = ["roles.nginx.maintenance.on", "message=New disks", "until=18:00"]
    assert executed == ["-y", "site.py", *what]


def test_an_inventory_without_hosts_is_an_error(site: Path) -> None:
    for arguments, status in (["plan"], 1), (["status"], 2), (["deploy"], 1):
        done = subprocess.run(
            [str(RUN), *arguments], cwd=site, capture_output=True, text=True, check=False
        )
        assert done.returncode == status
        assert "run: no host: the inventory has none" in done.stderr


def test_a_host_of_no_group_is_an_error(site: Path) -> None:
    command = [str(RUN), "maintenance", "on", "@local"]
    done = subprocess.run(command, cwd=site, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nothing is done: the hosts are in none of the groups" in done.stderr


@pytest.mark.usefixtures("site")
def test_deploy_can_ask(executed: list[str]) -> None:
    group.main(["deploy", "--ask"])
    assert executed == ["site.py", str(PROJECT / "deploy.py")]


# In a process of its own, because pyinfra_cli replaces parts of the standard library.
OPTIONS = """
import json, sys
from pyinfra_cli.cli import cli
options = [each for each in cli.params if hasattr(each, "is_flag")]
json.dump([[each.opts, each.is_flag, each.multiple] for each in options], sys.stdout)
"""


def test_each_option_of_the_hosts_is_pyinfra_s_own() -> None:
    done = subprocess.run([sys.executable, "-c", OPTIONS], capture_output=True, check=True)
    known = {opts[0]: (opts, flag, multiple) for opts, flag, multiple in json.loads(done.stdout)}
    for names, value, _help in host_options.HOST_OPTIONS:
        opts, is_flag, multiple = known[names[0]]
        assert {*names} <= {*opts}
        assert is_flag == (value is None)
        assert multiple == (names[0] in host_options.REPEATABLE)
    assert "-v" in known
