"""web_plugins: the catalogue's data, what may be written, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import plugin_catalogue, schema
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.list_merge import identity

from roles.conventions import LOCATIONS
from roles.inventory import requirements_file
from roles.inventory.plugins import APP, PluginDescription, additions
from roles.inventory.settings import Settings, read
from roles.inventory.site import SCHEMA
from tests.packages import plugin as wheel
from tests.unit.helpers import (
    HASH,
    KEY,
    PASSWORD,
    a_host,
    mistakes_of,
    only_member,
    site_lock,
    site_of,
)

CATALOGUE_NAMES = [*plugin_catalogue.catalogue()]
CATALOGUE = sorted(CATALOGUE_NAMES)
LINKS, APPS, VIEW = "omero.web.ui.top_links", "omero.web.apps", "omero.web.viewer.view"


def needed(names: Iterable[str]) -> dict[str, Any]:
    """What these plugins need, each with the example of its error."""
    chosen = [plugin_catalogue.catalogue()[name] for name in names]
    return {name: example for each in chosen for name, example in each.needs.items()}


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """A plugin of the site's own."""
    return {
        "package": "our-plugin",
        "app": "our_plugin",
        "wheel": str(wheel(tmp_path, "our-plugin")),
    }


def texts(web_plugins: list[Any], **data: Any) -> dict[str, str]:
    site = site_of(a_host(web_plugins=web_plugins, **data))
    found, findings = site.resolved(only_member(site))
    assert findings == []
    return found


def labels(found: Mapping[str, str], name: str) -> list[str]:
    return [identity(item) for item in json.loads(found.get(name, "[]"))]


def mistake(web_plugins: Any, **data: Any) -> str:
    (found,) = mistakes_of(a_host(web_plugins=web_plugins, **data))
    return found.removeprefix("@local: ")


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_the_catalogue_has_of_a_plugin_is_locked_and_right_by_the_schema(name: str) -> None:
    each = plugin_catalogue.catalogue()[name]
    lock = (APP / "plugin_locks" / f"{name}.txt").read_text()
    assert requirements_file.loose(lock) == []
    assert name in requirements_file.pins(lock)
    lines = (APP / "requirements.txt").read_text().splitlines(keepends=True)
    base = requirements_file.pins("".join(line for line in lines if "'win32'" not in line))
    assert not requirements_file.pins(lock).keys() & base.keys()  # it comes on top
    known = plugin_catalogue.with_properties(SCHEMA, [each])
    desired = Desired({**each.set, **each.needs}, each.append, each.remove)
    assert desired.resolve(known, LOCATIONS.omerodir)[1] == []
    assert each.properties is not None
    assert not {entry["name"] for entry in each.properties} & SCHEMA.keys()


def test_the_package_s_extras_are_what_the_catalogue_locks() -> None:
    text = (APP / "pyproject.toml").read_text()
    for name in CATALOGUE:
        (version,) = requirements_file.pins((APP / "plugin_locks" / f"{name}.txt").read_text())[
            name
        ]
        assert f'{name.removeprefix("omero-")} = ["{name}=={version}"]' in text


@given(st.lists(st.sampled_from(CATALOGUE), unique=True))
def test_each_named_plugin_brings_all_of_its_own_and_no_other_does(names: list[str]) -> None:
    found = texts(names, web_config=needed(names))
    chosen = [plugin_catalogue.catalogue()[name] for name in names]
    assert labels(found, APPS) == [each.app for each in chosen]
    for each in plugin_catalogue.catalogue().values():
        for name, items in each.append.items():
            shown = labels(found, name)
            assert [identity(item) in shown for item in items] == [each in chosen] * len(items)
        for name, value in each.set.items():
            text = value if isinstance(value, str) else json.dumps(value)
            assert (found.get(name) == text) == (each in chosen)


def test_a_plugin_brings_lines_of_nginx_s_site(own: dict[str, Any]) -> None:
    name = "omero.web.nginx_server_extra_config"
    lines = ["location /ours/ {", "return 204;", "}", "location /other/ {", "return 204;", "}"]
    assert json.loads(texts([{**own, "nginx": lines}])[name]) == lines
    appended = {"append": {name: ["gzip off;"]}, "nginx": lines}
    assert json.loads(texts([{**own, **appended}])[name]) == ["gzip off;", *lines]
    assert "must be lines of NGINX's server block" in mistake([{**own, "nginx": "gzip off;"}])


def test_what_a_plugin_sets_gives_way_to_web_config() -> None:
    view = "omeroweb.webclient.views.image_viewer"
    assert texts(["omero-iviewer"])[VIEW] == "omero_iviewer.views.index"
    assert texts(["omero-iviewer"], web_config={VIEW: view})[VIEW] == view


def test_a_list_that_the_site_sets_has_only_what_the_site_says_but_for_the_app() -> None:
    found = texts(["omero-figure"], web_config={LINKS: [["Mine", "mine", {}]], APPS: []})
    assert labels(found, LINKS) == ["Mine"]
    assert labels(found, APPS) == ["omero_figure"]


@pytest.mark.parametrize("named", ["Figure", "figure_index"])
def test_what_the_site_takes_out_of_a_list_no_plugin_puts_in(named: str) -> None:
    found = texts(["omero-figure"], web_config_remove={LINKS: [named]})
    assert "Figure" not in labels(found, LINKS)
    assert "omero_figure" in labels(found, "omero.web.open_with")


@pytest.mark.parametrize("how", ["web_config", "web_config_append"])
def test_an_app_that_the_site_names_too_is_there_once(how: str) -> None:
    found = texts(["omero-figure"], **{how: {APPS: ["omero_figure", "mine"]}})
    assert sorted(labels(found, APPS)) == ["mine", "omero_figure"]


def test_a_site_s_own_item_stands_in_for_a_plugin_s_of_the_same_name() -> None:
    mine = ["Figure", "figure_index", {"title": "Ours"}]
    found = texts(["omero-figure"], web_config_append={LINKS: [mine]})
    assert [item for item in json.loads(found[LINKS]) if item[0] == "Figure"] == [mine]


def test_an_own_plugin_sets_appends_and_removes(own: dict[str, Any]) -> None:
    own |= {"set": {"omero.web.page_size": 9}, "append": {LINKS: [["Ours", "ours", {}]]},
            "remove": {LINKS: ["History"]}}  # fmt: skip
    found = texts(["omero-figure", own], web_config_remove={LINKS: ["Help"]})
    assert labels(found, LINKS) == ["Data", "Figure", "Ours"]
    assert labels(found, APPS) == ["omero_figure", "our_plugin"]
    assert found["omero.web.page_size"] == "9"


def test_properties_of_plugins_are_checked_before_any_host_is_asked() -> None:
    size = "omero.web.iviewer.roi_page_size"
    assert texts(["omero-iviewer"], web_config={size: 9})[size] == "9"
    assert f"{size}: must be a whole number, not 'x'" in mistake(
        ["omero-iviewer"], web_config={size: "x"}
    )
    misspelt = mistake(["omero-iviewer"], web_config={"omero.web.iviewer.roi_pagesize": 9})
    assert misspelt.endswith(f"did you mean {size}?")
    said = f'{size}: is a property of omero-iviewer; set web_plugins = ["omero-iviewer"], or'
    assert mistake([], web_config={size: 9}).startswith(said)


def test_a_switch_that_any_text_turns_on_cannot_be_turned_off_by_false() -> None:
    mirror = "omero.web.iviewer.enable_mirror"
    assert texts(["omero-iviewer"], web_config={mirror: True})[mirror] == "true"
    said = mistake(["omero-iviewer"], web_config={mirror: False})
    assert (
        said == f"{mirror}: any text, also 'false', enables it; remove it or set '' to disable it"
    )
    assert texts(["omero-iviewer"], web_config={mirror: ""})[mirror] == ""
    prop = schema.Property(mirror, "switch", "", "")
    assert (prop.value("false"), prop.value("")) == (True, False)


def test_properties_of_an_own_plugin_are_the_host_s_to_check(own: dict[str, Any]) -> None:
    assert texts([own], web_config={"omero.web.ours.count": 9})["omero.web.ours.count"] == "9"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["omero-figur"], "there is no omero-figur in the catalogue; did you mean omero-figure?"),
        (["zzz"], f"there is no zzz in the catalogue; it has {', '.join(CATALOGUE_NAMES)}"),
        (["omero-openlink"], "there is no omero-openlink in the catalogue; it has omero-iviewer, "),
        ([{"package": "mine"}], "mine: app is missing; must be the Django app"),
        ([{"package": "mine", "app": "no-app"}], "'no-app' is not the name of a Django app"),
        ([{"package": "mine", "app": "mine", "lock": "x"}], "lock is not known; possible: package"),
        ([{"package": "mine", "app": "mine", "requirements": "/n.txt"}], "there is no file /n.txt"),
        ([{"package": "mine", "app": "mine", "wheel": __file__}], "Invalid wheel filename"),
        ("omero-figure", "is not valid"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_is_answered_with_what_to_write(
    written: Any, said: str
) -> None:
    message = mistake(written)
    assert message.startswith("web_plugins: ")
    assert said in message
    assert "; must be " in message or "possible: " in message


def test_each_wrong_entry_is_a_mistake_of_its_own_with_its_place() -> None:
    mine = {"package": "mine", "app": "mine"}
    found = mistakes_of(
        a_host(
            web_plugins=[
                "omero-figure",
                5,
                None,
                {"app": "y"},
                {**mine, "append": {LINKS: "x"}},
                {**mine, "package": "two", "version": 1, "wheel": "/gone-1.0-py3-none-any.whl"},
                {**mine, "set": {"omero.web.secret_key": {"hunter2"}}},
            ]
        )
    )
    whole = '["omero-iviewer"], and for a plugin of your own {"package": "my-plugin", '
    assert [each.removeprefix("@local: ").partition("; must be ")[0] for each in found] == [
        "web_plugins[1]: 5 is not a plugin",
        "web_plugins[2]: None is not a plugin",
        "web_plugins[3]: package is missing",
        f"web_plugins: mine: append: {LINKS}: is not a list",
        "web_plugins: two: version: is not text",
        "web_plugins: mine: set: omero.web.secret_key: "
        "is not text, a number, a list or a dictionary",
    ]
    assert all(f"; must be {whole}" in each for each in found[:2])
    assert '; must be its name, for example "package": "my-plugin"' in found[2]
    assert '; must be "append": {property: [items]}' in found[3]
    assert "wheel: there is no file /gone-1.0" in found[4]
    assert "hunter2" not in found[5]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["", "omero-figure", "a"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(sorted(PluginDescription.model_fields)), inner)
        ),
    )
)
def test_whatever_is_written_is_a_plugin_or_a_finding(written: Any) -> None:
    found, findings = read({"web_plugins": written})
    assert findings or len(found.web_plugins) == len(written)
    assert all(finding.subject.startswith("web_plugins") for finding in findings)


def own_lock(folder: Path, *lines: str) -> dict[str, Any]:
    path = folder / "mine.txt"
    path.write_text("\n".join(lines) + "\n")
    return {"package": "Our.Plugin", "app": "mine", "requirements": str(path)}


@pytest.mark.parametrize(
    ("lines", "more", "said"),
    [
        (
            ["our-plugin==1.0"],
            {},
            "pins no version or no hash of our-plugin==1.0; must be the path",
        ),
        ([f"our-plugin>=1.0 {HASH}"], {}, "pins no version or no hash of our-plugin>=1.0"),
        ([f"another==1.0 {HASH}"], {}, "Our.Plugin: no lock has it"),
        (
            [f"our-plugin==1.1 {HASH}"],
            {"version": "1.0"},
            "Our.Plugin: version must be the locked 1.1, not 1.0",
        ),
        (
            [f"our-plugin==1.0 {HASH}", "django==4.2 \\", f"    {HASH}"],
            {},
            "Our.Plugin: its lock has django 4.2, the release 5.",
        ),
        (
            [f"our-plugin==1.0 {HASH}", f"zeroc-ice==3.6.5 {HASH}"],
            {},
            "its lock has zeroc-ice, which the release has already; make it with uv",
        ),
    ],
)
def test_a_lock_that_will_not_do_is_a_mistake(
    tmp_path: Path, lines: list[str], more: dict[str, str], said: str
) -> None:
    assert said in mistake([{**own_lock(tmp_path, *lines), **more}])


def test_a_lock_with_what_the_release_has_too_is_right(tmp_path: Path) -> None:
    base = [line for line in (APP / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    lines = [*base, f"our-plugin==1.0 {HASH}", "--only-binary :all:"]
    assert mistakes_of(a_host(web_plugins=[own_lock(tmp_path, *lines)])) == []


def test_plugins_that_do_not_fit_together_are_a_mistake(
    tmp_path: Path, own: dict[str, Any]
) -> None:
    other = own_lock(tmp_path, f"our-plugin==1.0 {HASH}")
    assert "has our-plugin 2 times; list it once" in mistake([own, other])
    assert "has omero_figure 2 times" in mistake(["omero-figure", {**own, "app": "omero_figure"}])
    release = {"package": "Django", "app": "x", "wheel": str(wheel(tmp_path, "django"))}
    assert "Django: has a wheel, but the release's lock has the package already" in mistake(
        [release]
    )
    setting = {**own, "set": {VIEW: "ours.views.viewer"}}
    message = mistake(["omero-iviewer", setting])
    assert f"omero-iviewer and our-plugin both set {VIEW}" in message
    assert "omero.web.page" not in message
    assert mistakes_of(a_host(web_plugins=["omero-iviewer", setting], web_config={VIEW: "x"})) == []
    needing = []
    for name, version in (("one", 0), ("two", 1)):
        (tmp_path / name).mkdir()
        lock = [f"{name}==1 {HASH}", f"shared=={version} {HASH}"]
        needing.append({**own_lock(tmp_path / name, *lock), "package": name, "app": name})
    assert "two: its lock has shared 1, another plugin's 0" in mistake(needing)


def test_what_a_plugin_cannot_do_without_is_asked_for() -> None:
    message = mistake(["omero-mapr"])
    assert message.startswith("omero.web.mapr.config: must be set for omero-mapr. Example: [{")
    example = json.loads(message.partition("Example: ")[2])
    assert texts(["omero-mapr"], web_config_append={"omero.web.mapr.config": example})
    found = mistake(["omero-figure"], web_config_remove={APPS: ["omero_figure"]})
    assert found == "omero.web.apps: must not remove omero_figure, because omero-figure needs it"


def test_two_web_hosts_behind_one_nginx_have_the_same_plugins(tmp_path: Path) -> None:
    def found(*mine: Any) -> list[str]:
        (tmp_path / "secrets.yml").write_text(
            f"redis_password: {PASSWORD}\nomero.web.secret_key: {KEY}\n"
        )
        data = {"web_secrets": str(tmp_path / "secrets.yml"), "redis_bind": "0.0.0.0"}
        return mistakes_of(
            a_host("a", "redis web nginx", reached_as="10.0.0.1", web_plugins=[*mine], **data),
            a_host("b", "web", reached_as="10.0.0.2", web_plugins=["omero-figure"], **data),
        )

    assert found("omero-figure") == []
    assert any("b: web_plugins: differs from a's" in each for each in found())


def settings(**data: Any) -> Settings:
    found, findings = read(data)
    assert findings == []
    return found


def test_the_site_s_own_lock_decides_about_a_package_that_it_has(tmp_path: Path) -> None:
    lock = tmp_path / "site.txt"
    site_lock(lock, f"Omero.Figure==7.9 {HASH}")
    chosen = settings(web_plugins=["omero-figure", "omero-iviewer"], web_requirements=str(lock))
    (only,) = additions(chosen.web_plugins, chosen.web_requirements)
    assert "omero-iviewer==" in only.lock
    named = ["omero-figure"]
    assert mistakes_of(a_host(web_requirements=str(lock), web_plugins=named)) == []
    mine = {"package": "omero-figure", "app": "omero_figure"}
    assert mistakes_of(a_host(web_requirements=str(lock), web_plugins=[mine])) == []


PINS = st.dictionaries(
    st.from_regex(r"[a-z]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True).filter(
        lambda n: "--" not in n
    ),
    st.sets(st.from_regex(r"[0-9]\.[0-9]", fullmatch=True), min_size=1, max_size=3),
)


@given(PINS, st.booleans(), st.sampled_from(["", " \\\n    "]))
def test_a_lock_says_what_was_written_into_it(
    pins: dict[str, set[str]], hashed: bool, broken: str
) -> None:
    entries = [
        f"{name}=={version} ; python_version < '3.{number}'"
        for name, versions in pins.items()
        for number, version in enumerate(sorted(versions))
    ]
    lines = [f"{entry}{broken} {HASH if hashed else ''}\n    # via another" for entry in entries]
    text = "# made by uv\n" + "\n".join(lines)
    assert requirements_file.pins(text) == pins
    assert len(requirements_file.loose(text)) == (0 if hashed else len(entries))
