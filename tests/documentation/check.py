"""Check every block and code span of a page, and count what was checked.

A kind of block, a program or a name that nobody knows here is a problem, so that a page cannot
contain what no test checks.
"""

from __future__ import annotations

import configparser
import functools
import html.parser
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import yaml
from omeroweb_ops.state import plugin_catalogue, schema

from roles.inventory import environment
from roles.inventory.secrets_file import read_secrets
from roles.inventory.settings import Settings
from tests.documentation import inventories, programs, shell
from tests.documentation.blocks import HISTORY, ROOT, Block
from tests.documentation.programs import How, Wrong
from tests.unit import nginx_reader

EXECUTED = "commands executed here"
INVENTORIES = "inventories and parts of inventories"
FILES = "files of other formats, parsed here"
LOADED = "files that a test on a host loads in their program"
NAMES = "names of settings and properties"

# Commands that need no host, no network and no time. A block of LOCAL programs is executed whole.
RUNS = (
    r"\S*/run( (--help|help|--version))?",
    r"\S*/run (omeroweb-ops )?\w+( \w+)* --help",
    r"\S*/run python -m omeroweb_ops\.commands\.public_views .*",
)
LOCAL = {"cd", "chmod", "cp", "git", "mkdir", "openssl", "printf", "ssh-keygen", "umask"}
TIMEOUT = 120  # seconds
SETTING = re.compile(r"(?:web|nginx|redis)_[a-z]+(?:_[a-z]+)*")
PROPERTY = re.compile(r"omero\.web\.[a-z0-9_]+(?:\.[a-z0-9_]+)*")
SECRET = re.compile(r"omero\.|(?:acme|notify|redis)_")
COMMAND = re.compile(r"(?:sudo )?(?:\S*/run|omeroweb-ops|omero) [^=]")
ASSIGNMENTS = re.compile(r"(?:\s*(?:#.*|\w+=.*)?\n)+")
# Keys of YAML files: of Compose, Prometheus, Kustomize, Traefik.
YAML_KINDS = {"services", "scrape_configs", "metrics_path", "groups", "configMapGenerator"}
YAML_KINDS |= {"images", "entryPoints", "http"}


class Page:
    """The problems of a page, and the number of things that were checked, by what has checked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[str] = []
        self.counts: Counter[str] = Counter()
        self.omero: list[tuple[Sequence[str], bool]] = []  # the words, and whether it is a part

    def check(self, block: Block) -> None:
        """Check a block, by its language."""
        kind = KINDS.get(block.language)
        if kind is None:
            self.problems.append(f"{block}: nothing here can check {block.language!r}")
            return
        try:
            for problem in kind(self, block):
                self.problems.append(f"{block}: {problem}")
        except (Wrong, ValueError, yaml.YAMLError, configparser.Error) as error:
            self.problems.append(f"{block}: {error}")

    def _python(self, block: Block) -> Iterator[str]:
        self.counts[INVENTORIES] += 1
        yield from inventories.problems(block.text, Path.cwd())

    def _sh(self, block: Block) -> Iterator[str]:
        if ASSIGNMENTS.fullmatch(block.text):
            yield from self._variables(block.text)
            return
        yield from filter(None, [shell.syntax_error(block.text)])
        yield from self._commands(block.text)
        if _is_local(block.text):
            number = len([*shell.commands(block.text)])
            self.counts[EXECUTED] += number
            self.counts[How.NAMED] -= number
            yield from _failure_of_script(block.text, self.directory / f"block{block.line}")

    def _variables(self, text: str) -> Iterator[str]:
        compose = (ROOT / "compose.yaml").read_text("utf-8")
        known = {*environment.names(Settings.model_fields), *re.findall(r"\$\{(\w+)", compose)}
        self.counts[FILES] += 1
        for name in re.findall(r"^(\w+)=", text, re.M):
            if name not in known | {"ENV_FILE", "OMEROHOST"}:
                yield from self._variable(name)

    def _variable(self, name: str) -> Iterator[str]:
        prop = name.removeprefix("CONFIG_").replace("__", "%").replace("_", ".").replace("%", "_")
        if prop not in schema.locked():
            yield f"{name}: no container reads it"

    def _commands(self, text: str, *, is_part: bool = False) -> Iterator[str]:
        for words in shell.commands(text):
            try:
                how = programs.check(words, is_part=is_part)
            except Wrong as wrong:
                yield f"{' '.join(words)}: {wrong}"
                continue
            if how == How.OMERO:
                self.omero.append((words, is_part))
            line = " ".join(words)
            if not is_part and any(re.fullmatch(each, line) for each in RUNS):
                how_much = EXECUTED
                yield from _failure(words)
            else:
                how_much = how
            self.counts[how_much] += 1

    def _output(self, block: Block) -> Iterator[str]:
        """Check the commands after a prompt: `$`, or `#` for root."""
        for line in re.findall(r"^[$#] (.*)$", block.text, re.M):
            words = line.split()
            is_ours = words and (words[0] in programs.ON_HOSTS or words[0] in programs.CHECKS)
            if f"$ {line}" in block.text or is_ours:
                yield from self._commands(line)

    def _yaml(self, block: Block) -> Iterator[str]:
        content = yaml.safe_load(block.text)
        self.counts[FILES] += 1
        if isinstance(content, dict) and all(SECRET.match(key) for key in content):
            path = self.directory / f"{block.line}.yml"
            path.write_text(block.text, "utf-8")
            path.chmod(0o600)
            yield from map(str, read_secrets(str(path))[1])
        elif not YAML_KINDS & {*content}:
            yield f"YAML of an unknown kind: {', '.join(content)}"

    def _json(self, block: Block) -> Iterator[str]:
        json.loads(block.text)
        self.counts[FILES] += 1
        yield from ()

    def _html(self, block: Block) -> Iterator[str]:
        html.parser.HTMLParser().feed(block.text)
        self.counts[FILES] += 1
        yield from ()

    def _ini(self, block: Block) -> Iterator[str]:
        """Units of systemd may have a name twice."""
        configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
        self.counts[FILES] += 1
        yield from ()

    def _nginx(self, block: Block) -> Iterator[str]:
        nginx_reader.parse(block.text)
        self.counts[FILES] += 1
        yield from ()

    def _js(self, block: Block) -> Iterator[str]:
        if not shutil.which("node"):
            return
        path = self.directory / f"{block.line}.mjs"
        path.write_text(block.text, "utf-8")
        done = subprocess.run(
            ["node", "--check", path], capture_output=True, text=True, check=False
        )
        self.counts[FILES] += 1
        yield from filter(None, [done.stderr])

    def _dockerfile(self, block: Block) -> Iterator[str]:
        self.counts[FILES] += 1
        for command in re.findall(r"^RUN (.*)$", block.text, re.M):
            yield from self._commands(command)

    def _span(self, block: Block) -> Iterator[str]:
        text = " ".join(block.text.split())
        if COMMAND.match(text):
            for each in _alternatives(text):
                yield from self._commands(re.split(r"(?<!\S)…", each)[0], is_part=True)
        elif block.page == HISTORY:
            return
        elif SETTING.fullmatch(text):
            self.counts[NAMES] += 1
            if text not in Settings.model_fields and text not in OTHER_NAMES:
                yield f"{text}: is not a setting"
        elif PROPERTY.fullmatch(text):
            self.counts[NAMES] += 1
            if not (_is_property(text) or text in OTHER_PROPERTIES):
                yield f"{text}: is not a property"

    def _loaded(self, block: Block) -> Iterator[str]:
        """Require that a test reads the page, and loads the block in the program itself."""
        name = block.page.rpartition("/")[2]
        self.counts[LOADED] += 1
        if not any(name in text for text in _integration_tests()):
            yield "no integration test loads it in its program"


KINDS: dict[str, Callable[[Page, Block], Iterator[str]]] = {
    "": Page._output,
    "apache": Page._loaded,
    "dockerfile": Page._dockerfile,
    "ini": Page._ini,
    "html": Page._html,
    "js": Page._js,
    "json": Page._json,
    "nginx": Page._nginx,
    "python": Page._python,
    "sh": Page._sh,
    "span": Page._span,
    "text": Page._loaded,
    "yaml": Page._yaml,
}
OTHER_NAMES = {"redis_password", "redis_user"}  # of the file of web_secrets
OTHER_PROPERTIES = {"omero.web.oauth.providers"}  # of a plugin outside the catalogue


def _alternatives(text: str) -> Iterator[str]:
    """Yield a command for each of the words in `a|b|c`, which prose uses."""
    found = re.search(r"[\w.]+(?:\|[\w.]+)+", text)
    if not found or " | " in text:
        yield text
        return
    for word in found[0].split("|"):
        yield text.replace(found[0], word)


def _is_property(name: str) -> bool:
    known = schema.locked()
    return name in known or plugin_catalogue.owner(name) is not None


@functools.cache
def _integration_tests() -> list[str]:
    return [path.read_text("utf-8") for path in (ROOT / "tests/integration").glob("test_*.py")]


def _is_local(text: str) -> bool:
    words = [*shell.commands(text)]
    return "://" not in text and bool(words) and all(each[0] in LOCAL for each in words)


def _failure_of_script(text: str, directory: Path) -> Iterator[str]:
    """Run a script in a repository that has the bundle as `bundle`, as a site's own has."""
    directory.mkdir()
    (directory / "bundle").symlink_to(ROOT)
    (directory / ".env.example").symlink_to(ROOT / ".env.example")
    (directory / "site.py").touch()
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "init", "-q", directory], check=True)
    subprocess.run(["git", *identity, "add", "site.py"], cwd=directory, check=True)
    script = f'git() {{ command git {" ".join(identity)} "$@"; }}\n{text}'
    done = subprocess.run(
        ["bash", "-ec", script], cwd=directory, capture_output=True, text=True, check=False
    )
    if done.returncode:
        yield f"exit status {done.returncode}: {done.stderr.strip()}"


def _failure(words: Sequence[str]) -> Iterator[str]:
    command = [str(ROOT / "run") if words[0].endswith("/run") else words[0], *words[1:]]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode:
        yield f"{' '.join(words)}: exit status {done.returncode}: {done.stderr.strip()}"
