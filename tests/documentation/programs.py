"""Check a command of the pages with the parser that it has."""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import importlib.util
import io
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum

import click
import yaml
from omeroweb_ops import cli

from docs.reference import with_commands
from roles import host_paths
from roles.cli.destination import Destination
from roles.cli.group import VERBS, group
from tests.documentation.blocks import ROOT

Words = Sequence[str]
# Programs of Debian and others, whose own options are not checked.
SYSTEM = {
    *("apt-get", "cat", "cd", "chmod", "cp", "crontab", "curl", "cut", "date", "df", "dig", "echo"),
    *("eval", "a2enmod", "prometheus-nginx-exporter"),
    *("exec", "export", "false", "git", "grep", "head", "id", "ip", "journalctl", "less", "ls"),
    *("mkdir", "mount", "mv", "nft", "nginx", "openssl", "pass", "printf", "rm", "sed", "set"),
    *("sops", "ss", "ssh-keygen", "ssh-keyscan", "ssh-copy-id", "supervisorctl", "systemctl"),
    *(
        "tail",
        "tar",
        "test",
        "timeout",
        "touch",
        "true",
        "umask",
        "userdel",
        "wait",
        "[",
        "certbot",
    ),
    *("ansible-vault", "kubectl", "podman", "uv", "sha256sum", "age", "gpg", "scp", "rsync"),
}
# Commands of the bundle on a host, besides omeroweb-ops and omero: paths.
ON_HOSTS = {
    path.rpartition("/")[2]: path
    for path in (
        host_paths.REDIS_COMMAND,
        host_paths.PUBLIC_CACHE_COMMAND,
        host_paths.CERTIFICATE_COMMAND,
    )
}
MAINTENANCE = (ROOT / "roles/nginx/templates/omero-web-maintenance.j2").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
STAGES = re.findall(r"^FROM .* AS (\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M | re.I)


class How(StrEnum):
    """What has checked a command."""

    PARSED = "commands checked by their own parsers"
    OMERO = "commands of `omero`, which a test on a host checks"
    NAMED = "commands of other programs, known by their names"


class Wrong(Exception):
    """A command that its program would refuse."""


def check(words: Words, *, is_part: bool = False) -> How:
    """Check a command; raise Wrong if its program would refuse it.

    is_part: more words may follow, so missing arguments are not wrong.
    """
    words = unwrapped([*words])
    name = words[0].rpartition("/")[2] if words else ""
    if not words or words[0] in SYSTEM or name in ON_HOSTS:
        return How.NAMED
    if name == "omero":
        return How.OMERO
    check = CHECKS.get(name)
    if check is None:
        if words[0].startswith("containers/") and (ROOT / words[0]).exists():
            return How.PARSED
        raise Wrong(f"{words[0]}: is not a known program")
    check(words[1:], is_part)
    return How.PARSED


def unwrapped(words: list[str]) -> list[str]:
    """Return the command that sudo, env, ssh, docker and kubectl run."""
    match words:
        case ["sudo" | "env" | "nohup" | "sh" | "watch", *rest]:
            while rest and (rest[0].startswith("-") or "=" in rest[0]):
                takes_value = rest[0] in ("-u", "-n")
                rest = rest[2:] if takes_value else rest[1:]
            return unwrapped(rest) if words[0] != "sh" else []
        case ["ssh", _host, *rest] if rest:
            return unwrapped(rest)
        case ["kubectl", *rest] if "--" in rest:
            return unwrapped(rest[rest.index("--") + 1 :])
        case ["docker", "exec", *rest]:
            return unwrapped(_without_options(rest, ("-u", "-e"))[1:])
    return words


def _without_options(words: Words, with_value: Words) -> list[str]:
    rest = [*words]
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in with_value else rest[1:]
    return rest


def _argparse(parser: argparse.ArgumentParser, words: Words, is_part: bool) -> None:
    def fail(message: str) -> None:
        raise Wrong(message)

    for each in with_commands(parser):
        each.error = fail  # type: ignore[method-assign,assignment]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args([*words])
    except SystemExit:  # --help
        return
    except Wrong as wrong:
        if not (is_part and re.search("required|expected one argument", str(wrong))):
            raise


def _omeroweb_ops(words: Words, is_part: bool) -> None:
    if words[:1] == ["maintenance"]:
        usage = re.search(r"usage: omeroweb-ops maintenance (.*)", MAINTENANCE)
        assert usage
        for word in words[1:]:
            if word.startswith("--") and word not in usage[1] + "--help":
                raise Wrong(f"{word}: is not an option of maintenance")
        if words[1:] and words[1] not in ("--help", *re.split(r"[\s|]+", usage[1])):
            raise Wrong(f"{words[1]}: is not a command of maintenance")
    elif words[:1] != ["add-plugins"]:  # of an image: bin_omeroweb-ops.sh.j2
        _argparse(cli._parser(internal=True), words, is_part)


@functools.cache
def _pyinfra_command() -> click.Command:
    """Return a command with pyinfra's own options: an import of pyinfra_cli patches the process."""
    code = """if True:
        import json
        from pyinfra_cli.cli import cli
        options = [each for each in cli.params if each.param_type_name == "option"]
        print(json.dumps([(each.opts, each.is_flag, each.multiple) for each in options]))
    """
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    options = [
        click.Option(opts, is_flag=is_flag or opts == ["-v"], multiple=multiple)
        for opts, is_flag, multiple in json.loads(done.stdout)
    ]
    arguments = [click.Argument(["inventory"]), click.Argument(["operations"], nargs=-1)]
    return click.Command("pyinfra", params=[*arguments, *options])


def _pyinfra(words: Words, is_part: bool) -> None:
    _click(_pyinfra_command(), words, is_part)
    positional = [word for word in words if not word.startswith("-")]
    for word in positional:
        if re.fullmatch(r"roles(\.\w+)+", word):
            module, _, function = word.rpartition(".")
            found = importlib.util.find_spec(module)
            if not found or not hasattr(importlib.import_module(module), function):
                raise Wrong(f"{word}: is not an operation")
    deploys = [word for word in positional if word == "deploy.py" or word.startswith("roles.")]
    if not deploys and not is_part:
        raise Wrong("names no deploy")


def _click(command: click.Command, words: Words, is_part: bool) -> None:
    try:
        command.make_context(command.name or "", [*words])
    except click.exceptions.Exit:
        return
    except click.ClickException as error:
        message = error.format_message()
        if not (is_part and re.search("Missing|requires an argument", message)):
            raise Wrong(message) from None


def _run(words: Words, is_part: bool) -> None:
    verb, rest = (words[0], words[1:]) if words else ("", ())
    match verb:
        case "" | "COMMAND" | "help" | "--help" | "--version" | "docs":
            return
        case "pyinfra":
            _pyinfra(rest, is_part)
        case "omeroweb-ops":
            _omeroweb_ops(rest, is_part)
        case "uv":
            _uv(rest, is_part)
        case "pytest" | "ruff" | "mypy":
            _paths(rest)
        case "python":
            if rest[:1] == ["-m"] and not importlib.util.find_spec(rest[1]):
                raise Wrong(f"{rest[1]}: is not a module")
        case _ if verb in VERBS:
            _verb(verb, rest, is_part)
        case _:
            raise Wrong(f"{verb}: is not a command of ./run")


def _verb(name: str, words: Words, is_part: bool) -> None:
    """Parse a verb's words, without a look for the inventory that they name."""
    known = group.get_command(click.Context(group), name)
    assert known is not None
    command = copy.copy(known)
    command.params = [copy.copy(each) for each in known.params]
    for each in command.params:
        if isinstance(each.type, Destination):
            each.type, each.callback = click.STRING, None
        elif isinstance(each.type, click.Path):  # a file that the page's reader has
            each.type = click.STRING
    end = [*words].index("--") if "--" in words else len(words)
    _click(command, words[:end], is_part)


def _paths(words: Words) -> None:
    for word in words:
        if "/" in word and not (ROOT / word.split("::")[0]).exists():
            raise Wrong(f"{word}: does not exist")


def _uv(words: Words, is_part: bool) -> None:
    """uv refuses an unknown option before it sees `--help`."""
    if "-" in words:  # reads standard input
        words = [word for word in words if word != "-"]
    done = subprocess.run(["uv", *words, "--help"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Wrong(done.stderr.strip().partition("\n")[0])


def _docker(words: Words, is_part: bool) -> None:
    if words[:1] == ["compose"]:
        _compose(words[1:])
    elif words[:1] == ["build"] and "--target" in words:
        stage = words[words.index("--target") + 1]
        if stage not in STAGES and not stage.startswith("$"):
            raise Wrong(f"{stage}: is not a stage of Dockerfile")


def _compose(words: Words) -> None:
    services = COMPOSE["services"]
    profiles = {each for service in services.values() for each in service.get("profiles", ())}
    for option, value in itertools.pairwise(words):
        if option == "--profile" and value not in profiles:
            raise Wrong(f"{value}: is not a profile of compose.yaml")
    verbs = _without_options(words, ("--profile", "-f", "--file", "-p"))
    if verbs[:1] in (["exec"], ["run"]):
        service, *command = _without_options(verbs[1:], ("-e", "-u"))
        if service not in services and service != "tests":  # of containers/plugin
            raise Wrong(f"{service}: is not a service of compose.yaml")
        if command:
            check(command)


CHECKS: dict[str, Callable[[Words, bool], None]] = {
    "run": _run,
    "pyinfra": _pyinfra,
    "omeroweb-ops": _omeroweb_ops,
    "docker": _docker,
    "docker-compose": lambda words, _is_part: _compose(words),
}
