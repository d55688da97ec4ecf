"""A release's name follows from all that it is made of, and from nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.locations import RELEASES

from roles.inventory.settings import Settings
from roles.web import ice, release
from tests.packages import plugin
from tests.unit.helpers import HASH, SURVEY, site_lock


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package and lock in place of the project's own."""
    package = tmp_path / "app" / "omeroweb_ops"
    (package / "data").mkdir(parents=True)
    (package / "a.py").write_text("a = 1\n")
    (package / "data" / "schema.json").write_text("{}")
    (tmp_path / "app" / "requirements.txt").write_text("omero-web==1\n")
    monkeypatch.setattr(release, "APP", tmp_path / "app")
    return package


def name(settings: Settings | None = None, **host: Any) -> str:
    return release.wanted(settings or Settings(), replace(SURVEY, **host)).name


def test_the_same_makes_the_same_name(app: Path) -> None:
    assert name() == name()
    assert release.wanted(Settings(), SURVEY).path == RELEASES / name()


def test_another_lock_makes_another_name(app: Path) -> None:
    before = name()
    (app.parent / "requirements.txt").write_text("omero-web==2\n")
    assert name() != before


def test_the_site_s_own_lock_counts_instead(app: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    settings = Settings(web_requirements=site_lock(own))
    before = name(settings)
    assert before != name()
    (app.parent / "requirements.txt").write_text("omero-web==2\n")
    assert name(settings) == before
    site_lock(own, "# another")
    assert name(settings) != before


@pytest.mark.parametrize("change", ["content", "new file", "new name", "data"])
def test_another_package_makes_another_name(app: Path, change: str) -> None:
    before = name()
    if change == "content":
        (app / "a.py").write_text("a = 2\n")
    elif change == "new file":
        (app / "b.py").write_text("")
    elif change == "new name":
        (app / "a.py").rename(app / "c.py")
    else:
        (app / "data" / "schema.json").write_text("[]")
    assert name() != before


def test_what_python_leaves_beside_the_sources_does_not_count(app: Path) -> None:
    before = name()
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "a.cpython-311.pyc").write_text("x")
    (app / "a.py").touch()
    assert name() == before


def test_another_ice_wheel_makes_another_name(app: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "zeroc_ice.whl"
    wheel.write_text("one")
    settings = Settings(web_ice_wheel=str(wheel))
    before = name(settings)
    assert before != name()
    wheel.write_text("two")
    assert name(settings) != before
    wheel.write_text("one")
    moved = wheel.rename(tmp_path / "other.whl")
    assert name(Settings(web_ice_wheel=str(moved))) == before


def test_other_plugins_make_another_name_in_whatever_order_they_are_written(
    app: Path, tmp_path: Path
) -> None:
    def of(*names: str | dict[str, str]) -> str:
        return name(Settings.model_validate({"web_plugins": names}))

    one, two = "omero-iviewer", "omero-figure"
    assert len({name(), of(one), of(two), of(one, two)}) == 4
    assert of(one, two) == of(two, one)
    own = {"package": "ours", "app": "ours", "wheel": str(plugin(tmp_path, "ours"))}
    before = of(own)
    assert before != name()
    plugin(tmp_path, "ours", {"views.py": ""})
    assert of(own) != before
    # what it adds to the configuration is no part of the release
    assert of({**own, "app": "other"}) == of(own)


def test_the_lock_s_own_plugins_are_shown_and_make_no_other_release(
    app: Path, tmp_path: Path
) -> None:
    lock = site_lock(tmp_path / "own.txt", f"our-plugin==1 {HASH}")
    own = {"package": "Our.Plugin", "app": "ours"}
    without = release.wanted(Settings(web_requirements=lock), SURVEY)
    chosen = Settings.model_validate({"web_requirements": lock, "web_plugins": [own]})
    found = release.wanted(chosen, SURVEY)
    assert (without.shown, found.shown) == ((), ("our-plugin",))
    assert without.name == found.name


def test_a_wheel_of_a_url_is_known_by_its_digest(app: Path) -> None:
    def settings(server: str, content: str) -> Settings:
        digest = hashlib.sha256(content.encode()).hexdigest()
        return Settings(web_ice_wheel=f"https://{server}/ice.whl#sha256={digest}")

    before = name(settings("a.example", "one"))
    assert name(settings("b.example", "one")) == before
    assert name(settings("a.example", "two")) != before


def test_another_builder_of_the_ice_wheel_makes_another_name(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = name()
    builder = tmp_path / "build_wheel.py"
    builder.write_bytes(ice.BUILDER.read_bytes() + b"\n# another fix\n")
    monkeypatch.setattr(ice, "BUILDER", builder)
    assert name() != before


@pytest.mark.parametrize("host", [{"id": "ubuntu"}, {"version": "13"}, {"arch": "aarch64"}])
def test_another_platform_makes_another_name(app: Path, host: dict[str, Any]) -> None:
    assert name(**host) != name()


def test_another_platform_makes_another_name_even_with_a_given_wheel(
    app: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "zeroc_ice.whl"
    wheel.write_text("one")
    settings = Settings(web_ice_wheel=str(wheel))
    assert name(settings, version="13") != name(settings)


def test_nothing_else_of_a_host_or_its_settings_counts(app: Path) -> None:
    before = name()
    assert name(ip="10.9.9.9", like="debian", privilege="sudo") == before
    assert name(Settings(nginx_http_port=81, web_config={"omero.web.page_size": 1})) == before
    other = replace(SURVEY, memory=1, systemd=False, ipv6=False, listeners={80: "x"})
    assert release.wanted(Settings(), other).name == before


def test_ingredients_cannot_be_mistaken_for_one_another(app: Path) -> None:
    one = release.Release("ab", ice.Wheel(None, "c"), "d")
    assert one.name != release.Release("a", ice.Wheel(None, "c"), "d").name
    assert one.name != release.Release("ab", ice.Wheel(None, "cd"), "").name
