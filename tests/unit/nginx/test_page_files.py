"""The maintenance page as a deploy writes it: a facility's own parts, and what comes later."""

from __future__ import annotations

import base64
import html
import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared.uploads import MAX_LOGO_SIZE, logo_data_uri

from roles import host_paths
from roles.inventory.settings import read
from roles.nginx import maintenance_page, site_config
from roles.operations.files import File, Link
from roles.target import Target
from tests.unit.helpers import SURVEY, a_host, a_target, only_member, site_of

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="9"/></svg>'
FORMS = ("maintenance", "planned", "planned-until")


def files(**data: Any) -> dict[str, str]:
    site = site_of(a_host(**data))
    items = maintenance_page.items(a_target(site))
    return {Path(item.path).name: item.content for item in items if isinstance(item, File)}


def mistake(value: object, name: str = "nginx_maintenance_page") -> str:
    _settings, (finding,) = read({name: value})
    return str(finding)


def test_the_pages_know_the_prefix_and_are_for_everybody_to_read() -> None:
    site = site_of(a_host(web_config={"omero.web.prefix": "/omero"}))
    for item in maintenance_page.items(a_target(site))[:-1]:
        assert isinstance(item, File)
        assert item.path.startswith(f"{host_paths.PAGES}/")
        assert item.mode == "644"  # www-data reads them
        if item.path.endswith(".html"):
            assert '"/omero/webclient/login/"' in item.content


def test_message_and_end_are_left_for_the_command() -> None:
    found = files()
    assert "{{" not in found["maintenance.html"] + found["maintenance.json"]
    assert json.loads(found["maintenance.json"])["retry_after"] == maintenance_page.RETRY_AFTER
    for name in ("planned.html", "planned-until.html"):
        assert "{{ message }}" in found[name]
        assert ("{{ expected_end }}" in found[name]) == (name == "planned-until.html")
    assert json.loads(found["planned.json"]) == {
        "error": "maintenance",
        "message": "{{ message }}",
        "retry_after": maintenance_page.PLANNED_RETRY_AFTER,
    }
    assert json.loads(found["planned-until.json"])["expected_end"] == "{{ expected_end_iso }}"


def test_a_host_with_nginx_alone_gets_the_command_under_its_usual_name() -> None:
    site = site_of(
        a_host("n.example", "nginx", reached_as="10.0.0.1"),
        a_host("a.example", "web", reached_as="10.0.0.2"),
    )
    links = [
        item
        for item in maintenance_page.items(a_target(site, "n.example"))
        if isinstance(item, Link)
    ]
    assert links == [Link("/usr/local/bin/omeroweb-ops", maintenance_page.SCRIPT)]
    both = site_of(a_host())
    assert not [item for item in maintenance_page.items(a_target(both)) if isinstance(item, Link)]


def test_a_logo_and_a_contact_go_into_the_bundle_s_page(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG)
    found = files(nginx_maintenance_page={"logo": str(logo), "contact": "help@example.org"})
    for form in FORMS:
        assert f'src="{logo_data_uri(str(logo))}"' in found[f"{form}.html"]
        assert 'href="mailto:help@example.org"' in found[f"{form}.html"]


def test_a_facility_s_own_page_takes_the_place_of_the_bundle_s(tmp_path: Path) -> None:
    page, logo = tmp_path / "away.html", tmp_path / "logo.png"
    page.write_text(
        '<p>{{message}}</p><p>{{ expected_end }}</p><img src="{{ logo }}">{{ contact }}{{ other }}'
    )
    logo.write_bytes(b"\x89PNG\r\n\x1a\n...")
    found = files(
        nginx_maintenance_page={"page": str(page), "logo": str(logo), "contact": "<Ada & Co>"}
    )
    image = f'<img src="{logo_data_uri(str(logo))}">&lt;Ada &amp; Co&gt;{{{{ other }}}}\n'
    assert found["maintenance.html"] == f"<p>{maintenance_page._AWAY}</p><p>soon</p>{image}"
    assert found["planned.html"] == f"<p>{{{{ message }}}}</p><p>soon</p>{image}"
    assert (
        found["planned-until.html"]
        == f"<p>{{{{ message }}}}</p><p>{{{{ expected_end }}}}</p>{image}"
    )
    assert files(nginx_maintenance_page=str(page))["maintenance.html"].startswith("<p>OMERO.web")


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_known_is_text_in_an_own_page_whatever_it_holds(contact: str) -> None:
    values = {"message": "m", "expected_end": None, "logo": None, "contact": contact}
    assert (
        maintenance_page.render_site_page("<p>{{ contact }}</p>", values)
        == f"<p>{html.escape(contact)}</p>"
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b'<?xml version="1.0"?>\n' + SVG.encode(), "image/svg+xml"),
    ],
)
def test_a_logo_is_taken_for_what_it_holds(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "logo"
    path.write_bytes(content)
    head, _, body = logo_data_uri(str(path)).partition(",")
    assert head == f"data:{kind};base64"
    assert base64.b64decode(body) == content


def test_files_that_will_not_do_are_told_before_the_deploy(tmp_path: Path) -> None:
    big, text, latin = tmp_path / "big.png", tmp_path / "logo.txt", tmp_path / "latin.html"
    big.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(MAX_LOGO_SIZE))
    text.write_text("no image")
    latin.write_bytes("Ämter".encode("latin-1"))
    for value, told in (
        ("/no/such.html", "there is no file /no/such.html"),
        ({"logo": "/no/such.png"}, "there is no file /no/such.png"),
        ({"logo": str(big)}, "must have at most 100 kB, not 101 kB"),
        ({"logo": str(text)}, "is not an SVG, PNG or JPEG image"),
        (str(latin), "is not UTF-8 text"),
        ({"pag": "x"}, "pag is not known"),
        ({"contact": 5}, "contact: "),
        (True, "nginx_maintenance_page: "),
    ):
        message = mistake(value)
        assert told in message
        assert "must be the path of an HTML file, or" in message


def test_addresses_that_see_the_site_during_maintenance_reach_nginx() -> None:
    site = site_of(a_host(nginx_maintenance_allow=["10.1.0.7", "10.2.3.4/16", "fd00::/8"]))
    content = site_config.content(Target(site, only_member(site), SURVEY))
    for network in ("10.1.0.7/32", "10.2.0.0/16", "fd00::/8"):
        assert f"    {network} 0;\n" in content
        ipaddress.ip_network(network)


@pytest.mark.parametrize("value", [["10.1.0.300"], ["10.0.0.0/8; }"], ["host.example"], "10.0.0.1"])
def test_what_is_no_address_is_told(value: object) -> None:
    message = mistake(value, "nginx_maintenance_allow")
    assert 'must be a list of IP addresses or networks, for example ["10.1.0.0/16"' in message
