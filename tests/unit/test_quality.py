"""The checks of the code, and rules that this project sets itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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


SHELL = [*ROOT.glob("roles/**/*.sh"), ROOT / "run"]


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


WORDS = ROOT / ".codespell/words.txt"
ALLOWED = ROOT / ".codespell/allowed.txt"
# What codespell reads: files and directories.
PROSE = ["README.md", "CHANGELOG.md", "SECURITY.md", "docs", "--skip=docs/settings.md"]
# Blocks of code show what programs print; the programs' own texts are read where they are written.
CODE = ["--ignore-multiline-regex=(?ms)^```.*?^```$", "--ignore-regex=`[^`]*`"]


def codespell(*paths: str | Path) -> str:
    """What codespell finds in the files: its own list of typos, and the words of this project.

    A line of words.txt is "wrong->right", or "wrong->one, another,". The wrong one may be a phrase;
    it is found within a line. allowed.txt has longer phrases that contain one and are right.
    """
    phrases = [line.split("->")[0] for line in WORDS.read_text("utf-8").splitlines()]
    phrases += ALLOWED.read_text("utf-8").splitlines()
    longest_first = sorted(map(re.escape, phrases), key=len, reverse=True)
    tokens = rf"(?i:\b(?:{'|'.join(longest_first)})\b)|[\w\-'’]+"  # noqa: RUF001
    lists = ["--dictionary=-", f"--dictionary={WORDS}"]
    done = subprocess.run(
        [sys.executable, "-m", "codespell_lib", *lists, f"--regex={tokens}", *CODE, *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_prose_uses_the_words_of_the_project() -> None:
    assert codespell(*PROSE) == ""


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("If this fails, the old one Serves on.", "Serves on ==> Keeps running"),
        ("The value is no list.", "is no ==> is not a"),
        ("Send it to the recieving host.", "recieving ==> receiving"),
    ],
)
def test_codespell_finds_phrases_and_typos(text: str, right: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"First line.\n{text}\n")
    assert codespell(page) == f"{page}:2: {right}\n"


def test_codespell_leaves_code_and_allowed_phrases(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("There is no list.\nIt prints `the old one serves on`:\n```\nserves on\n```\n")
    assert codespell(page) == ""


def test_each_line_of_the_word_lists_is_in_order_and_in_lower_case() -> None:
    for path in (WORDS, ALLOWED):
        lines = path.read_text("utf-8").splitlines()
        assert lines == sorted({line.lower() for line in lines})
