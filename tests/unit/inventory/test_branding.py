"""A site's own logos and templates: what is read, where it goes, which properties name it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.state import derived
from omeroweb_ops.state.branding import Branding
from omeroweb_ops.state.desired import Desired

from roles.conventions import LOCATIONS
from roles.inventory.settings import read
from roles.operations.files import Directory, File
from roles.web import branding
from tests.unit.helpers import SCHEMA, a_host, mistakes_of, only_member, site_of

PNG = b"\x89PNG\r\n\x1a\n\x00\xff\x00"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
NAMES = (
    "omero.web.login_logo",
    "omero.web.top_logo",
    "omero.web.index_template",
    "omero.web.template_dirs",
    "omero.web.staticfile_dirs",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logo.jpg").write_bytes(PNG)  # the content decides, not the name
    (tmp_path / "small.svg").write_bytes(SVG)
    (tmp_path / "welcome.html").write_text("welcome")
    for name in ("one/webclient/login.html", "one/.git/config", "two/webclient/login.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "two/other.html").write_text("other")
    return tmp_path


def whole(folder: Path) -> dict[str, Any]:
    return {
        "login_logo": str(folder / "logo.jpg"),
        "top_logo": str(folder / "small.svg"),
        "index_template": str(folder / "welcome.html"),
        "template_dirs": [str(folder / "one"), str(folder / "two")],
    }


def found(branding: dict[str, Any], **data: Any) -> tuple[dict[str, Any], Branding | None]:
    site = site_of(a_host("@local", web_branding=branding, **data))
    member = only_member(site)
    texts, findings = site.desired(member).resolve(SCHEMA, LOCATIONS.omerodir)
    assert findings == []
    return {name: SCHEMA[name].value(texts[name]) for name in NAMES if name in texts}, (
        site.branding(member)
    )


def test_each_file_is_wired_to_its_property(folder: Path) -> None:
    properties, own = found(whole(folder))
    assert own
    digest, base = own.digest, f"/opt/omero/web/branding/{own.digest}"
    assert properties == {
        "omero.web.login_logo": f"/static/branding/{digest}/login_logo.png?_{digest}",
        "omero.web.top_logo": f"/static/branding/{digest}/top_logo.svg?_{digest}",
        "omero.web.index_template": "branding/index.html",
        "omero.web.template_dirs": [f"{base}/templates"],
        "omero.web.staticfile_dirs": [[f"branding/{digest}", f"{base}/static"]],
    }
    assert own.files == {
        "static/login_logo.png": PNG,
        "static/top_logo.svg": SVG,
        "templates/branding/index.html": b"welcome",
        "templates/webclient/login.html": b"one/webclient/login.html",
        "templates/other.html": b"other",
    }


@pytest.mark.parametrize("empty", [{}, {"template_dirs": []}, {"login_logo": None}])
def test_without_files_nothing_is_set_and_nothing_deployed(empty: dict[str, Any]) -> None:
    assert found(empty) == ({}, None)


def test_a_logo_alone_brings_no_templates(folder: Path) -> None:
    properties, _own = found({"login_logo": str(folder / "logo.jpg")})
    assert properties.keys() == {"omero.web.login_logo", "omero.web.staticfile_dirs"}
    properties, _own = found({"template_dirs": [str(folder / "two")]})
    assert properties.keys() == {"omero.web.template_dirs"}


@pytest.mark.parametrize(
    ("config", "begins"),
    [
        ({"omero.web.prefix": "omero/"}, "/omero/static/branding/"),
        ({"omero.web.static_url": "https://cdn.example/s/"}, "https://cdn.example/s/branding/"),
    ],
)
def test_a_logo_is_where_static_files_are(
    folder: Path, config: dict[str, str], begins: str
) -> None:
    properties, _own = found({"login_logo": str(folder / "logo.jpg")}, web_config=config)
    assert properties["omero.web.login_logo"].startswith(begins)


def test_the_static_url_taken_without_another_is_the_release_s_own() -> None:
    own = Branding({"static/login_logo.png": PNG})
    desired = derived.with_derived(Desired(), derived.DeploymentContext(branding=own), LOCATIONS)
    default = SCHEMA.default("omero.web.static_url", LOCATIONS.omerodir)
    assert str(desired.set["omero.web.login_logo"]).startswith(f"{default}branding/")


@pytest.mark.parametrize("how", ["web_config", "web_config_append"])
def test_the_site_s_own_folders_are_kept(folder: Path, how: str) -> None:
    own = {"omero.web.template_dirs": ["/srv/t"], "omero.web.staticfile_dirs": ["/srv/s"]}
    properties, _own = found(whole(folder), **{how: own})
    assert "/srv/t" in properties["omero.web.template_dirs"]
    assert "/srv/s" in properties["omero.web.staticfile_dirs"]
    assert len(properties["omero.web.template_dirs"]) == 2
    assert len(properties["omero.web.staticfile_dirs"]) == 2


@pytest.mark.parametrize("name", ["login_logo", "top_logo", "index_template"])
def test_a_property_that_is_written_too_is_a_contradiction_that_names_both(
    folder: Path, name: str
) -> None:
    config = {f"omero.web.{name}": "/own"}
    (message,) = mistakes_of(a_host(web_branding=whole(folder), web_config=config))
    assert "web_branding" in message
    assert f"omero.web.{name}" in message


FILES = st.dictionaries(
    st.sampled_from(["static/login_logo.png", "templates/a.html", "templates/b/c.html"]),
    st.binary(max_size=20),
    min_size=1,
)


@given(FILES, FILES)
def test_the_folder_has_another_name_exactly_where_its_content_is_another(
    one: dict[str, bytes], two: dict[str, bytes]
) -> None:
    assert (Branding(one).digest == Branding(two).digest) == (one == two)
    assert Branding(dict(reversed(one.items()))).digest == Branding(one).digest


@given(FILES)
def test_every_folder_stands_before_what_lies_in_it(files: dict[str, bytes]) -> None:
    own = Branding(files)
    made: list[str] = ["/opt/omero/web"]
    for item in branding.items(own):
        assert isinstance(item, (Directory, File))
        assert str(Path(item.path).parent) in made
        made.append(item.path)
    paths = [item.path for item in branding.items(own) if isinstance(item, File)]
    assert sorted(paths) == sorted(f"{own.path}/{name}" for name in files)


def test_every_mistake_is_named_at_once(folder: Path) -> None:
    (folder / "text.png").write_text("no picture")
    (folder / "latin.html").write_bytes("Grüße".encode("latin-1"))
    (folder / "empty").mkdir()
    _settings, (finding,) = read(
        {
            "web_branding": {
                "login_logo": str(folder / "text.png"),
                "top_logo": str(folder / "gone.svg"),
                "index_template": str(folder / "latin.html"),
                "template_dirs": [str(folder / "empty"), str(folder / "gone")],
                "favicon": "x.ico",
            }
        }
    )
    assert finding.subject == "web_branding"
    for told in (
        f"login_logo: {folder}/text.png is not a picture (PNG, JPEG, GIF, WebP or SVG)",
        f"top_logo: there is no file {folder}/gone.svg",
        f"index_template: {folder}/latin.html is not UTF-8 text",
        f"template_dirs: {folder}/empty has no files",
        f"template_dirs: there is no directory {folder}/gone",
        "favicon is not known",
        'must be {"login_logo": "logo.png"',
    ):
        assert told in finding.message


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (PNG, "png"),
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"GIF89a", "gif"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        (SVG, "svg"),
    ],
)
def test_a_picture_s_name_follows_from_its_content(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    (tmp_path / "logo").write_bytes(content)
    _properties, own = found({"top_logo": str(tmp_path / "logo")})
    assert own
    assert list(own.files) == [f"static/top_logo.{suffix}"]


@pytest.mark.parametrize("written", ["/omero/files", "/omero/files/"])
def test_a_logo_is_below_the_static_url_that_omero_web_makes_of_the_property(
    folder: Path, written: str
) -> None:
    own = {"omero.web.prefix": "/omero", "omero.web.static_url": written}
    properties, brand = found({"login_logo": str(folder / "logo.jpg")}, web_config=own)
    assert brand
    assert properties["omero.web.login_logo"].startswith(f"/omero/files/branding/{brand.digest}/")
