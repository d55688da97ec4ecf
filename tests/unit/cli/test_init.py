"""A new site: its files, its answers without a terminal, and what is refused."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from roles.cli import group, new_site
from roles.inventory import checks
from roles.inventory.site import load

GROUPS = ("redis", "web", "nginx")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, without a terminal and without a git user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def init(*arguments: str) -> int:
    return group.main(["init", *arguments])


def site(folder: Path) -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """The groups of a written inventory, as pyinfra reads them."""
    return {name: runpy.run_path(str(folder / "site.py"))[name] for name in GROUPS}


@pytest.mark.parametrize(
    ("arguments", "host", "settings"),
    [
        ([], "@local", {}),
        (
            ["--tls", "acme", "--email", "omero@uni-x.org", "--name", "images.uni-x.org"],
            "@local",
            {
                "nginx_tls": {"acme": {"email": "omero@uni-x.org"}},
                "nginx_server_name": "images.uni-x.org",
            },
        ),
        (
            ["--host", "web1.example.org", "--tls", "self-signed", "--name", "omero.example.org"],
            "web1.example.org",
            {"nginx_tls": "self-signed", "nginx_server_name": "omero.example.org"},
        ),
        (["--host", "admin@web1"], ("web1", {"ssh_user": "admin"}), {}),
        (["--host", "@docker/web"], "@docker/web", {}),
    ],
)
def test_what_is_written_has_no_mistake(
    folder: Path, arguments: list[str], host: object, settings: dict[str, Any]
) -> None:
    assert init("production", "--server", "omero.example.org:14064", *arguments) == 0
    groups = site(folder / "production")
    assert groups["nginx"] == ([host], settings)
    assert groups["redis"] == ([host], {})
    servers = groups["web"][1]["web_config"]["omero.web.server_list"]
    assert servers == [["omero.example.org", 14064, "omero"]]
    name = host[0] if isinstance(host, tuple) else str(host)
    data = {key: value for _hosts, each in groups.values() for key, value in each.items()}
    address = None if name.startswith("@") else name
    found, findings = load([(name, frozenset(GROUPS), data, address)], folder / "production")
    assert findings + checks.errors(found) == []
    assert len(found.secrets["omero.web.secret_key"]) == 64


def test_secrets_are_random_and_private(folder: Path) -> None:
    assert init("one") == init("two") == 0
    secrets = [
        yaml.safe_load((folder / name / "secrets.yml").read_text()) for name in ("one", "two")
    ]
    assert {*secrets[0]} == {"omero.web.secret_key", "redis_password"}
    assert not {*secrets[0].values()} & {*secrets[1].values()}
    assert (folder / "one/secrets.yml").stat().st_mode & 0o777 == 0o600


def test_the_repository_of_the_site_is_without_its_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "A")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    assert init("production") == 0

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder / "production"), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert git("ls-files").split() == [".gitignore", "site.py"]
    assert git("status", "--porcelain") == ""
    assert "./run plan production" in capsys.readouterr().out


def test_own_certificate_files_are_found_from_the_site(folder: Path) -> None:
    for name in ("site.pem", "site.key"):
        (folder / name).write_text("not a certificate")
    given = ["--certificate", "site.pem", "--key", "site.key"]
    assert init("production", *given) == 1  # a deploy would refuse the content
    assert not (folder / "production").exists()
    assert init("production", "--certificate", "/etc/a.pem", "--key", "/etc/a.key") == 0
    assert site(folder / "production")["nginx"][1]["nginx_tls"] == {
        "certificate": "/etc/a.pem",
        "key": "/etc/a.key",
    }


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["site.py"], ["must be a directory of the site's own"]),
        (['a"b'], ["must be a directory of the site's own"]),
        (["there"], ["there is not empty (file); nothing is overwritten"]),
        (["there/file"], ["there/file exists and is not a directory"]),
        (
            ["new", "--host", "@foo", "--server", "a:b", "--name", "a b;"],
            ["--host: '@foo' must be", "--server: 'a:b' is not", "nginx_server_name: "],
        ),
        (["new", "--tls", "acme"], ["--tls acme needs --email"]),
        (["new", "--tls", "none", "--email", "a@example.org"], ["--email needs --tls acme"]),
        (["new", "--tls", "acme", "--email", "a@example.org"], ["set nginx_server_name"]),
        (["new", "--tls", "files"], ["--tls files needs --certificate and --key"]),
        (["new", "--tls", "none", "--key", "x"], ["need --tls files, not none"]),
        (
            ["new", "--tls", "files", "--certificate", "x", "--key", "y"],
            ["new/../x; key: there is"],
        ),
        (["new", "--host", "a b"], ["'a b' is not an address or a host name"]),
    ],
)
def test_mistakes_are_reported_together_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], messages: list[str]
) -> None:
    (folder / "there").mkdir()
    (folder / "there/file").write_text("kept")
    assert init(*arguments) == 1
    error = capsys.readouterr().err
    for message in messages:
        assert message in error
    assert not (folder / "new").exists()
    assert (folder / "there/file").read_text() == "kept"


def test_text_is_python_text() -> None:
    for value in ("a", 'a"b', "a\\b", ["x", 1], {"a": "b"}):
        assert eval(new_site._python(value)) == value
