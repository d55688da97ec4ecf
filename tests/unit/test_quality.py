"""The checks of the code, and rules that this project sets itself."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tokenize
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written in parts, so that this file does not break the rules it holds.
REGISTRIES = [
    "py" + "pi.org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry-1.docker" + ".io",
    "index.docker" + ".io",
    "hub.docker" + ".com",
    "gh" + "cr.io",
    "qu" + "ay.io",
]
# "admin" is the user of the test hosts.
HOMES = re.compile(
    "/(?:ho" + r"me|Us" + r"ers)/(?!admin/)\w+/|/wo" + r"rk/\w|/root/\.(?:pyenv|venv|local)"
)
ADDRESS = re.compile(
    r"\b(?:https?|file|git\+\w+)://|^-i\b|--(?:extra-)?index-url|--find-links", re.M
)


def tracked() -> dict[str, str]:
    """The text of every file that is, or could next be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not in a git repository: " + listed.stderr.decode())
    texts = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        try:
            texts[name] = (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):  # a picture, a link to a folder, deleted meanwhile
            continue
    assert "deploy.py" in texts
    return texts


@pytest.mark.parametrize(
    "check",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=lambda check: " ".join(check),
)
def test_the_check_finds_nothing(check: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_go_downwards_only() -> None:
    """The contracts of import-linter in pyproject.toml, which docs/architecture.md describes."""
    command = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'app'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_no_file_names_a_package_registry() -> None:
    """A site's own mirror or index is to be used wherever one is configured."""
    found = [
        f"{name}: {registry}"
        for name, text in tracked().items()
        for registry in REGISTRIES
        if registry in text
    ]
    assert found == []


def test_no_file_names_a_folder_of_a_developer_s_machine() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked().items()
        for match in HOMES.finditer(text)
    ]
    found += [f"{name}: {ROOT}" for name, text in tracked().items() if f"{ROOT}/" in text]
    assert found == []


def locks() -> dict[str, str]:
    return {
        name: text
        for name, text in tracked().items()
        if "--hash=sha256:" in text and "==" in text and name.endswith(".txt")
    }


def test_no_lock_records_an_address() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in locks().items()
        for match in ADDRESS.finditer(text)
    ]
    assert found == []


def test_every_line_of_every_lock_is_pinned_by_version_and_hash() -> None:
    assert len(locks()) >= 5
    for name, text in locks().items():
        entries = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^\s*#.*\n", "", text))
        for entry in filter(str.strip, entries):
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry.strip()), f"{name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{name}: {entry[:60]}"


SHELL = [
    *ROOT.glob("roles/**/*.sh"),
    ROOT / "containers/deploy-stack",
    ROOT / "containers/roll-out",
    ROOT / "run",
]


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


WORDS = ROOT / ".codespell/words.txt"
ALLOWED = ROOT / ".codespell/allowed.txt"
# Files, and directories with a slash, whose prose codespell reads.
PAGES = ("README.md", "CHANGELOG.md", "SECURITY.md", "docs/")
CODE = (
    *("app/omeroweb_ops/", "roles/", "containers/", "deploy.py", "inventory.py"),
    *("Dockerfile", "compose.yaml", "run"),
)
PROSE = (*PAGES, *CODE)
GENERATED = (
    "docs/settings.md",
    "docs/properties.md",
    "docs/command-help.md",
    "app/omeroweb_ops/data/",
    "roles/web/tools.txt",
    "roles/operations/sbom_tools.txt",
)
# Another text of these builds the zeroc-ice wheel again, or reloads or restarts a service on each
# host; or visitors read it.
UNCHANGED = (
    "roles/nginx/templates/forwarded_headers.conf.j2",
    "roles/nginx/templates/maintenance.",
    "roles/nginx/templates/site.conf.j2",
    "roles/web/ice/build_wheel.py",
    "roles/web/templates/omero-web.service.j2",
)
# Code in Markdown shows what programs print; code in braces is a format's or a template's.
BLOCKS = "--ignore-multiline-regex=(?ms)^```.*?^```$"
SPANS = r"""--ignore-regex=`[^`]*`|\{[^{}"']*\}"""


def without_names(source: str) -> str:
    """Python with spaces for its identifiers: strings and comments stay in their places."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            (row, begin), (_, end) = token.start, token.end
            line = lines[row - 1]
            lines[row - 1] = line[:begin] + " " * (end - begin) + line[end:]
    return "\n".join(lines)


def codespell(texts: Mapping[str, str], directory: Path) -> list[str]:
    """What codespell finds in these files: its own list of typos, and the words of this project.

    A line of words.txt is "wrong->right" or "wrong->one, another,". The wrong one may be a phrase,
    which is found within a line. allowed.txt has longer phrases that contain a wrong one and are
    right.
    """
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(without_names(text) if path.suffix == ".py" else text, "utf-8")
    phrases = [line.split("->")[0] for line in WORDS.read_text("utf-8").splitlines()]
    phrases += ALLOWED.read_text("utf-8").splitlines()
    longest_first = "|".join(sorted(map(re.escape, phrases), key=len, reverse=True))
    lists = ["--dictionary=-", f"--dictionary={WORDS}"]
    tokens = rf"--regex=(?i:\b(?:{longest_first})\b)|[\w\-']+"
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *lists, tokens, BLOCKS, SPANS, *sorted(texts)],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_prose_uses_the_words_of_the_project(tmp_path: Path) -> None:
    texts = {name: text for name, text in tracked().items() if name.startswith(PROSE)}
    assert all(any(name.startswith(each) for name in texts) for each in PROSE)
    unread = (*GENERATED, *UNCHANGED)
    assert all(any(name.startswith(each) for name in texts) for each in unread)
    read = {name: text for name, text in texts.items() if not name.startswith(unread)}
    assert codespell(read, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("page.md", "If this fails, the old one Serves on.", "Serves on ==> Keeps running"),
        ("page.md", "The value is no list.", "is no ==> is not a"),
        ("page.md", "Send it to the recieving host.", "recieving ==> receiving"),
        ("module.py", "x = f'{folder} serves on'  # {y}", "serves on ==> keeps running"),
        ("module.py", "told = {'key': 'a folder'}", "folder ==> directory"),
    ],
)
def test_codespell_finds_phrases_and_typos(
    name: str, text: str, found: str, tmp_path: Path
) -> None:
    assert codespell({name: f"# First line\n{text}\n"}, tmp_path) == [f"{name}:2: {found}"]


def test_codespell_leaves_code_and_allowed_phrases(tmp_path: Path) -> None:
    page = "There is no list.\nIt prints `it serves on`:\n```\nserves on\n```\n"
    module = "for folder in folders:\n    told(folder, 'a directory')\n"
    assert codespell({"page.md": page, "module.py": module}, tmp_path) == []


def test_the_lists_of_words_are_sorted_and_in_lower_case() -> None:
    for path in (WORDS, ALLOWED):
        lines = path.read_text("utf-8").splitlines()
        assert lines == sorted({line.lower() for line in lines})
