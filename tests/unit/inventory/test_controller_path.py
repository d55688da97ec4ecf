"""Paths in an inventory: relative to its directory, whatever the current directory is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roles.inventory import tls_files
from roles.inventory.member import Member
from roles.inventory.secrets_file import read_secrets
from roles.inventory.settings import Certificate, Settings, read

ROOT = Path(__file__).parents[3]

WHEEL = "my_plugin-1.0-py3-none-any.whl"
LOCK = "my-plugin==1.0 --hash=sha256:" + "0" * 64 + "\n"
FILES = {
    "secrets.yml": "{}",
    "logo.svg": "<svg></svg>",
    "page.html": "<p>",
    "site.pem": "",
    "site.key": "",
    "plugin.txt": LOCK,
    WHEEL: "",
    "templates/a.html": "",
}
PLUGIN = {"package": "my-plugin", "app": "my_plugin"}


def used(settings: Settings) -> dict[str, str | None]:
    """The path that each setting with a path on the controller has become."""
    brand, page, tls = settings.web_branding, settings.nginx_maintenance_page, settings.nginx_tls
    assert page is not None
    assert isinstance(tls, Certificate)
    plugin = settings.web_plugins[0]
    return {
        "web_secrets": str(settings.web_secrets),
        "web_ice_wheel": settings.web_ice_wheel,
        "requirements": plugin.requirements,
        "wheel": plugin.wheel,
        "login_logo": brand.login_logo,
        "top_logo": brand.top_logo,
        "index_template": brand.index_template,
        "template_dirs": brand.template_dirs[0],
        "page": page.page,
        "logo": page.logo,
        "certificate": tls.certificate,
        "key": tls.key,
    }


def data(at: Callable[[str], str]) -> dict[str, Any]:
    return {
        "web_secrets": at("secrets.yml"),
        "web_ice_wheel": at(WHEEL),
        "web_plugins": [PLUGIN | {"requirements": at("plugin.txt"), "wheel": at(WHEEL)}],
        "web_branding": {
            "login_logo": at("logo.svg"),
            "top_logo": at("logo.svg"),
            "index_template": at("page.html"),
            "template_dirs": [at("templates")],
        },
        "nginx_maintenance_page": {"page": at("page.html"), "logo": at("logo.svg")},
        "nginx_tls": {"certificate": at("site.pem"), "key": at("site.key")},
    }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's directory with every file, which is not the current directory."""
    folder = tmp_path / "home/site"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "secrets.yml").chmod(0o600)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


@pytest.mark.parametrize("prefix", ["", "./", "../site/", "~/site/", "ABSOLUTE"])
def test_every_path_is_relative_to_the_inventory(site: Path, prefix: str) -> None:
    prefix = prefix.replace("ABSOLUTE", f"{site}/")
    settings, findings = read(data(lambda name: prefix + name), site)
    assert findings == []
    for name, path in used(settings).items():
        assert path is not None
        assert Path(path).is_absolute(), name
        assert Path(path).resolve().is_relative_to(site), name


def test_no_setting_with_a_path_is_left_out(site: Path) -> None:
    """Each field whose description speaks of a path is among those above."""
    named = {
        name
        for name, field in Settings.model_fields.items()
        if "path of" in str(field.description) or ".pem" in str(field.description)
    }
    assert named <= {*data(str), "web_requirements", "web_checks"}
    settings, findings = read({"web_requirements": "lock.txt"}, site)
    assert settings.web_requirements is None
    assert f"there is no file {site}/lock.txt" in findings[0].message


def test_a_file_of_the_current_directory_is_not_used_and_the_message_says_what_to_write(
    site: Path,
) -> None:
    Path("here.svg").write_text("<svg></svg>")
    given = {"web_branding": {"login_logo": "here.svg"}, "web_secrets": "here.svg"}
    _settings, findings = read(given, site)
    assert {each.subject for each in findings} == {"web_branding", "web_secrets"}
    for each in findings:
        assert f"there is no {site}/here.svg" in each.message
        assert "write '../../elsewhere/here.svg'" in each.message
    settings, findings = read({"web_branding": {"login_logo": "../../elsewhere/here.svg"}}, site)
    assert findings == []
    assert Path(str(settings.web_branding.login_logo)).samefile("here.svg")


def test_a_relative_certificate_is_copied_and_an_absolute_one_may_be_on_the_host(
    site: Path,
) -> None:
    def in_place(prefix: str) -> tls_files.Pair | None:
        tls = {"certificate": f"{prefix}site.pem", "key": f"{prefix}site.key"}
        settings, findings = read({"nginx_tls": tls}, site)
        assert findings == []
        return tls_files.in_place(Member("@local", frozenset({"nginx"}), settings, None))

    assert in_place("") is None
    assert in_place("~/site/") is None
    assert in_place(f"{site}/") == tls_files.Pair(f"{site}/site.pem", f"{site}/site.key")
    assert in_place("/etc/letsencrypt/") is not None


def test_the_command_of_web_secrets_runs_in_the_directory_of_the_inventory(site: Path) -> None:
    (site / "secret.txt").write_text("redis_password: 0123456789abcdef\n")
    secrets, findings = read_secrets(("cat", "secret.txt"), site)
    assert (secrets, findings) == ({"redis_password": "0123456789abcdef"}, [])
    _secrets, findings = read_secrets(("cat", "missing"), site)
    assert f"cat in {site}, the inventory's directory, ended with status 1" in findings[0].message


INVENTORY = """
redis = (["@local"], {})
web = (["@local"], {"web_secrets": "missing.yml"})
nginx = (["@local"], {"nginx_maintenance_page": "missing.html"})
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("sites/site.py",),
        ("--limit", "web", "sites/site.py"),
        ("--chdir", "sites", "site.py"),
        ("sites/site.py", "other/site.py"),  # a deploy file for pyinfra, which has one inventory
        ("ABSOLUTE/sites/site.py",),
    ],
)
def test_pyinfra_s_own_command_line_says_where_the_inventory_is(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    for name in ("sites", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.py").write_text(INVENTORY)
    words = [each.replace("ABSOLUTE", str(tmp_path)) for each in arguments]
    done = subprocess.run(
        [ROOT / "run", "pyinfra", "--dry", *words, ROOT / "deploy.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"there is no file {tmp_path}/sites/missing.yml" in done.stderr
    assert f"there is no file {tmp_path}/sites/missing.html" in done.stderr
