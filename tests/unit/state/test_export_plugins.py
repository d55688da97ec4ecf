"""Export of plugins: pasted into an inventory, the settings lead to the configuration as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import export, plugin_catalogue

from roles.conventions import LOCATIONS
from roles.inventory.site import SCHEMA
from tests.unit.helpers import a_host, only_member, site_of

APPS, LINKS, OPEN_WITH = "omero.web.apps", "omero.web.ui.top_links", "omero.web.open_with"
PANELS = "omero.web.ui.center_plugins"
LISTS = (LINKS, OPEN_WITH, PANELS)
# Those that need nothing that only the site knows.
PLUGINS = [each for each in plugin_catalogue.catalogue().values() if not each.needs]


def resolved(current: dict[str, str]) -> dict[str, str]:
    """The configuration that the exported settings lead to."""
    found = export.export(current, SCHEMA, LOCATIONS.omerodir)
    assert found.secrets == {}
    site = site_of(a_host(**found.settings))
    texts, findings = site.resolved(only_member(site))
    assert findings == []
    return texts


def default(name: str) -> list[Any]:
    return list(json.loads(SCHEMA.default(name, LOCATIONS.omerodir) or "[]"))


def some_list(name: str) -> st.SearchStrategy[tuple[bool, list[Any]]]:
    """Whether a list begins with the defaults, and more items."""
    items = [item for each in PLUGINS for item in each.append.get(name, ())]
    items.append(["Ours", "ours/ours.html", "ours"] if name == PANELS else ["Ours", "index", {}])
    more = st.lists(st.sampled_from(items), unique_by=lambda item: str(item[0]))
    return st.tuples(st.booleans(), more)


@given(
    st.lists(st.sampled_from(PLUGINS), unique_by=lambda each: each.app, min_size=1),
    st.fixed_dictionaries({}, optional={name: some_list(name) for name in LISTS}),
    st.booleans(),
)
def test_a_configuration_is_as_it_was(
    plugins: list[Any], lists: dict[str, tuple[bool, list[Any]]], viewer: bool
) -> None:
    current = {APPS: json.dumps([each.app for each in plugins])}
    for name, (with_defaults, items) in lists.items():
        taken = [item[0] for item in default(name)] if with_defaults else []
        own = [item for item in items if item[0] not in taken]
        current[name] = json.dumps([*(default(name) if with_defaults else []), *own])
    if viewer:
        current["omero.web.viewer.view"] = "omero_iviewer.views.index"
    texts = resolved(current)
    for name in LISTS:
        wanted = json.loads(current[name]) if name in current else default(name)
        assert json.loads(texts.get(name) or json.dumps(default(name))) == wanted, name
    assert json.loads(texts[APPS]) == [each.app for each in plugins]
    if viewer:
        assert texts["omero.web.viewer.view"] == current["omero.web.viewer.view"]


def test_an_app_with_another_name_is_the_plugin_s() -> None:
    old = "omero_webtagging_autotag"
    panel = ["Auto Tag", f"{old}/auto_tag_init.js.html", "auto_tag_panel"]
    current = {APPS: json.dumps([old, "ours"]), PANELS: json.dumps([panel])}
    found = export.export(current, SCHEMA, LOCATIONS.omerodir)
    assert found.settings == {
        "web_plugins": ["omero-autotag"],
        "web_config_append": {APPS: ["ours"]},
    }


def test_what_nothing_reads_is_left_out_unless_an_app_may_read_it() -> None:
    current = {"omero.web.nobody": "1"}
    assert export.export(current, SCHEMA, LOCATIONS.omerodir).unread == ["omero.web.nobody"]
    current[APPS] = json.dumps(["ours"])
    found = export.export(current, SCHEMA, LOCATIONS.omerodir)
    assert found.unread == []
    assert found.settings["web_config"]["omero.web.nobody"] == "1"
