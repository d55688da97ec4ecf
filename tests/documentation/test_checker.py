"""The checker finds what a page must not contain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documentation import shell
from tests.documentation.blocks import Block, blocks
from tests.documentation.check import EXECUTED, KINDS, Page


def checked(language: str, text: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.chdir(directory)
    page = Page(directory)
    page.check(Block("page.md", 3, language, text))
    return page


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("cobol", "STOP RUN.", "nothing here can check 'cobol'"),
        ("sh", "./run pyinfra -y --drie site.py deploy.py", "--drie"),
        ("sh", "./run pyinfra -y site.py", "names no deploy"),
        ("sh", "./run pyinfra -y site.py roles.nginx.maintenance.open", "is not an operation"),
        ("sh", "sudo omeroweb-ops statuss", "statuss"),
        ("sh", "ssh web1 omeroweb-ops doctor --quick", "--quick"),
        ("sh", "docker compose exec -T web omeroweb-ops doctor --quick", "--quick"),
        ("sh", "docker compose exec -T webb omeroweb-ops doctor", "webb: is not a service"),
        ("sh", "omeroweb-ops maintenance on --untill 18:00", "--untill"),
        ("sh", "BUNDLE/run uv pip compile --generate-hash x.in", "--generate-hash"),
        ("sh", "if true; then ./run audits; fi", "audits"),
        ("sh", "if true; then", "syntax error"),
        ("sh", "frobnicate", "is not a known program"),
        ("sh", "OMEROHOST=a\nNGINX_SERVER_NAMES=x\n", "NGINX_SERVER_NAMES: no container reads it"),
        ("", "$ omeroweb-ops statuss\nOMERO.web", "statuss"),
        ("python", '"nginx_http_prot": 80', "did you mean nginx_http_port"),
        ("python", 'web = (["web1"], {"web_config": {"omero.web.debg": True}})', "omero.web.debg"),
        ("python", '"omero.web.page_size": "many"', "must be a whole number"),
        ("python", "web = (", "is not Python"),
        ("yaml", "redis_password: short\nomero.web.secret_kez: x\n", None),
        ("yaml", "ships: 3", "unknown kind"),
        ("json", "{", "Expecting"),
        ("apache", "<VirtualHost *:80>", "no integration test loads it"),
        ("ini", "Restart=no", "no section headers"),
        ("nginx", "server { listen 80", "ends within"),
        ("span", "web_configs", "is not a setting"),
        ("span", "omero.web.debugg", "is not a property"),
        ("span", "omeroweb-ops config plann", "plann"),
        ("span", "omero web start|stop", None),
        ("span", "omeroweb-ops config plan|applied", "applied"),
    ],
)
def test_the_checker_finds(
    language: str,
    text: str,
    problem: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = checked(language, text, tmp_path, monkeypatch)
    assert len(page.problems) == (problem is not None), page.problems
    assert (problem or "") in "".join(page.problems)


def test_what_is_executed_must_end_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = checked("sh", "mkdir a\ncd a\n", tmp_path, monkeypatch)
    assert page.counts[EXECUTED] == 2 and page.problems == []
    (tmp_path / "other").mkdir()
    script = "openssl rand -hexx 16\ngit status\n"
    page = checked("sh", script, tmp_path / "other", monkeypatch)
    assert len(page.problems) == 1 and "exit status" in page.problems[0]
    words = "./run python -m omeroweb_ops.commands.public_views '^/(x'\n"
    page = checked("sh", words, tmp_path, monkeypatch)
    assert len(page.problems) == 1 and "exit status" in page.problems[0]


def test_every_kind_of_block_is_found_with_its_line() -> None:
    text = "# Page\n\n`omero web start` and\n\n```sh\nls\n```\n\n- list\n\n  ```\n  $ ls\n  ```\n"
    found = [(each.line, each.language, each.text) for each in blocks("page.md", text)]
    assert found == [(3, "span", "omero web start"), (6, "sh", "ls\n"), (12, "", "$ ls\n")]
    assert "span" in KINDS and "" in KINDS


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("A=1 ls -l > x 2> /dev/null   # it's", [["ls", "-l"]]),
        ("a && b | c; (d)", [["a"], ["b"], ["c"], ["d"]]),
        ('sed -i "1i # Locked: x" y', [["sed", "-i", "1i # Locked: x", "y"]]),
        ("a \\\n  b", [["a", "b"]]),
        ("a < <(b c)", [["b", "c"], ["a"]]),
        ("cat > x <<'END'\nnot a command\nEND\nb", [["cat"], ["b"]]),
        ("for x in a b; do c; done", [["c"]]),
    ],
)
def test_shell_is_split_into_its_commands(text: str, commands: list[list[str]]) -> None:
    assert [*shell.commands(text)] == commands
