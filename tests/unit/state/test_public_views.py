"""What a URL filter opens to visitors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from omeroweb_ops.state import public_views
from omeroweb_ops.state.public_views import RECIPES, closed, opened_by

from tests.unit.state.test_checks import find

PAGE = (Path(__file__).parents[3] / "docs/public-site.md").read_text("utf-8")
# https://omero.readthedocs.io/en/stable/sysadmins/public.html, and what people write instead
UPSTREAM = (
    "^/(webadmin/myphoto/|webclient/(?!(action|logout|annotate_(file|tags|comment|rating|map)"
    "|script_ui|ome_tiff|figure_script))|webgateway/(?!(archived_files|download_as)))"
)


def names(url_filter: str, prefix: str = "", *, get_only: bool = True) -> dict[str, set[str]]:
    found = opened_by(re.compile(url_filter), prefix, get_only=get_only)
    return {
        "opened": {each.name for each in found.opened},
        "admin": {each.name for each in found.admin},
        "changing": {each.name for each in found.changing},
    }


@pytest.mark.parametrize(
    ("recipe", "needed"),
    [
        ("webgateway", {"webgateway_render_thumbnail", "webgateway_imageData_json"}),
        ("iviewer", {"omero_iviewer_index", "omero_iviewer_image_data", "webgateway_listLuts_json",
                     "webgateway_render_image_region", "webgateway_open_with_options"}),
        ("webclient", {"webindex", "load_template", "api_containers", "api_images", "wamyphoto",
                       "load_metadata_details", "web_image_viewer", "webgateway_render_thumbnail"}),
        ("API", {"api_projects", "api_image_rois"}),
    ],
)  # fmt: skip
def test_a_recipe_opens_what_is_needed_and_nothing_that_is_refused(
    recipe: str, needed: set[str]
) -> None:
    found = names(RECIPES[recipe])
    assert needed <= found["opened"]
    assert found["admin"] == found["changing"] == set()
    downloads = {"archived_files", "download_as", "download_annotation", "get_original_file"}
    assert not downloads & found["opened"]


def test_each_recipe_is_in_the_page_and_no_other() -> None:
    assert re.findall(r'(?m)^"(\^/.*)"$', PAGE) == [*RECIPES.values()]


@pytest.mark.parametrize(
    ("url_filter", "admin", "changing"),
    [
        ("^/webadmin/", {"waexperimenters", "wamyaccount", "waindex"}, set()),
        ("webadmin/experimenters", {"waexperimenters"}, set()),  # searched for, not matched
        ("^/webadmin/(myphoto|login)/", set(), set()),
        ("^/(?!webadmin)", set(), {"script_run", "omero_iviewer_save_projection"}),
        (UPSTREAM, set(), {"script_run"}),
        ("^/webgateway/", set(), set()),
        ("", {"waexperimenters"}, {"script_run"}),
        ("(?#nothing)a^", set(), set()),
    ],
)
def test_the_administration_and_what_changes_data_is_found(
    url_filter: str, admin: set[str], changing: set[str]
) -> None:
    found = names(url_filter)
    assert admin <= found["admin"] and bool(admin) == bool(found["admin"])
    assert changing <= found["changing"] and bool(changing) == bool(found["changing"])


@pytest.mark.parametrize(
    ("url_filter", "changing"),
    [
        ("^/webgateway/", "webgateway_save_image_rdef_json"),
        ("^/api/", "api_save"),
        (RECIPES["API"], "api_image"),  # by DELETE
        ("^/webclient/annotate", "annotate_tags"),
        ("^/iviewer/", "omero_iviewer_persist_rois"),
        ("^/figure/", "save_web_figure"),
    ],
)
def test_other_methods_than_get_change_more(url_filter: str, changing: str) -> None:
    assert changing in names(url_filter, get_only=False)["changing"]


@pytest.mark.parametrize("get_only", [True, False])
@pytest.mark.parametrize("prefix", ["", "/omero"])
@pytest.mark.parametrize(
    "url_filter",
    ["/", "", "^/(?!webadmin)", UPSTREAM, "iviewer|webclient", "^/(figure|omero_forms)/"],
)
def test_a_filter_is_closed_to_what_is_refused_and_to_nothing_else(
    url_filter: str, prefix: str, get_only: bool
) -> None:
    url_filter = url_filter.replace("^", f"^{prefix}")
    before = names(url_filter, prefix, get_only=get_only)
    safe, views = closed(url_filter, prefix, get_only=get_only)
    after = names(safe, prefix, get_only=get_only)
    assert after["admin"] == after["changing"] == set()
    assert {each.name for each in views} == before["admin"] | before["changing"]
    assert before["opened"] - after["opened"] <= before["admin"] | before["changing"]


def test_a_filter_that_opens_nothing_wrong_is_kept() -> None:
    for recipe in RECIPES.values():
        assert closed(recipe, "", get_only=True) == (recipe, ())
    assert closed("(", "", get_only=True) == ("(", ())


def test_a_path_has_its_prefix() -> None:
    assert names("^/webgateway/", "/omero")["opened"] == set()
    assert "webgateway_imageData_json" in names("^/omero/webgateway/", "/omero")["opened"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url_filter": "^/webadmin/"}, "waexperimenters (/webadmin/experimenters/)"),
        ({"url_filter": "^/webclient/"}, "script_run (/webclient/script_run/1/)"),
        ({"url_filter": "^/api/", "get_only": False}, "set omero.web.public.get_only to True"),
    ],
)
def test_what_is_found_is_an_error_that_names_it(values: dict[str, Any], said: str) -> None:
    public = {"enabled": True, "user": "public", **values}
    (found,) = find({f"omero.web.public.{name}": value for name, value in public.items()})
    assert found.is_error
    assert said in found.message
    assert "docs/public-site.md" in found.message


def test_every_view_has_a_path_of_its_app() -> None:
    apps = {each.app for each in public_views.known()}
    assert {"webclient", "webgateway", "webadmin", "api", "iviewer", "figure"} <= apps
    assert all(path.startswith("/") for each in public_views.known() for path in each.paths)
