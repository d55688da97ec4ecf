"""Paths that OMERO.web's service does not see in its sandbox are refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from omeroweb_ops.locations import OMERODIR
from omeroweb_ops.releases import sandbox_paths, trial
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine, Invalid

from roles.web import sandbox

VAR = OMERODIR / "var"
Find = Callable[..., list[str]]
DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/opt/omero/web/mydatabase"}


@pytest.fixture(autouse=True)
def drop_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drop-ins' directory of a host with systemd."""
    folder = tmp_path / "omero-web.service.d"
    folder.mkdir()
    monkeypatch.setattr(sandbox_paths, "SYSTEMD", tmp_path)
    monkeypatch.setattr(sandbox_paths, "DROP_INS", folder)
    return folder


def found(name: str, value: object) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value)
    return [str(each) for each in sandbox_paths.find({f"omero.web.{name}": text}, VAR)]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("template_dirs", ["/srv/t", "/home/admin/templates"], "/home/admin/templates is hidden"),
        ("template_dirs", ["/root/templates/"], "ProtectHome="),
        ("template_dirs", ["/srv/../home/admin/templates"], "ProtectHome="),
        ("template_dirs", ["/var/tmp/templates"], "PrivateTmp="),
        ("databases", {"default": {**DATABASE, "NAME": "/home/admin/db"}}, "ProtectHome="),
        ("databases", {"default": DATABASE}, "/opt/omero/web/mydatabase cannot be written"),
        ("databases", {"a": {**DATABASE, "NAME": f"{VAR}/../db"}}, "cannot be written"),
    ],
)
def test_a_path_that_the_service_needs_and_does_not_have_is_named(
    name: str, value: object, reason: str
) -> None:
    (one,) = found(name, value)
    assert one.startswith(f"omero.web.{name}: ")
    assert reason in one and "docs/sandbox.md" in one


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("template_dirs", ["/srv/templates", "/opt/omero/web/branding/templates"]),
        ("databases", {"default": {**DATABASE, "NAME": f"{VAR}/mydatabase"}}),
        ("databases", {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "web"}}),
        ("databases", {"default": {**DATABASE, "NAME": ":memory:"}}),
        ("databases", "{"),  # another check reports it
        ("prefix", "/home"),
        ("prefix", "/tmp"),
        ("static_url", "/home/" + "static/"),
        ("ui.top_links", [["Home", "https://example.org/home/admin", {}]]),
        ("ui.top_links", [["Home", "/tmp/no/such/page", {}]]),
        ("staticfile_dirs", ["/home/admin/static"]),  # a command collects them
        ("nginx_server_extra_config", ["root /home/admin;"]),  # NGINX's own
    ],
)
def test_what_the_service_has_or_does_not_need_is_fine(name: str, value: object) -> None:
    assert found(name, value) == []


def test_a_path_in_any_property_counts_if_the_host_has_it(tmp_path: Path) -> None:
    """This test's own directory is below /tmp."""
    (tmp_path / "g.py").touch()
    for name, value in (
        ("wsgi_args", f"--config file:{tmp_path}/g.py --log-level debug"),
        ("wsgi_args", f"--access-logfile={tmp_path}/new.log"),
        ("django_additional_settings", [["OURS", {"file": f"{tmp_path}/g.py"}]]),
        ("ours.providers", f"{tmp_path}/g.py"),
    ):
        (one,) = found(name, value)
        assert str(tmp_path) in one and "PrivateTmp=" in one
    assert found("wsgi_args", f"--config {tmp_path}/no/such/directory/g.py") == []


@pytest.mark.parametrize(
    ("drop_in", "hidden"),
    [
        ("[Service]\nProtectHome=read-only\n", False),
        ("[Service]\nProtectHome=no\n", False),
        ("[Service]\nProtectHome=false\nProtectHome=yes\n", True),
        ("[Service]\n# ProtectHome=no\n", True),
        ("[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=/home/admin/templates\n", False),
        ("[Service]\nProtectHome=tmpfs\nBindPaths=-/srv/t:/home/admin\n", False),
        ("[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths=/home/ada\n", True),
        ("[Service]\nPrivateTmp=no\n", True),
    ],
)
def test_a_drop_in_of_the_site_opens_it(drop_ins: Path, drop_in: str, hidden: bool) -> None:
    (drop_ins / "override.conf").write_text(drop_in)
    assert bool(found("template_dirs", ["/home/admin/templates"])) is hidden


def test_a_drop_in_lets_the_service_write_a_database(drop_ins: Path) -> None:
    (drop_ins / "override.conf").write_text("[Service]\nReadWritePaths=/srv/db -/opt/omero/data\n")
    for name, fine in (("/srv/db/web", True), ("/opt/omero/data/web", True), ("/srv/web", False)):
        assert (found("databases", {"default": {**DATABASE, "NAME": name}}) == []) is fine


def test_without_systemd_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_paths, "SYSTEMD", Path("/no/such/directory"))
    assert found("template_dirs", ["/home/admin/templates"]) == []


def test_the_unit_hides_what_is_checked() -> None:
    assert {"ProtectHome=yes", "PrivateTmp=yes", f"ReadWritePaths={VAR}"} <= {*sandbox.SERVICE}


def test_a_configuration_with_such_a_path_is_not_accepted(engine: Engine) -> None:
    wanted = Desired({"omero.web.template_dirs": ["/home/admin/templates"]})
    with pytest.raises(Invalid, match="is hidden from OMERO"):
        trial.accept(engine, wanted)
