"""Origins are taken as browsers send them, and no other way."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared.origins import origin

from roles.inventory.settings import read

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=1, max_size=3).map(".".join) | st.ip_addresses(v=4).map(str)
PORTS = st.none() | st.integers(1, 65535)


@given(st.sampled_from(["http", "https"]), HOSTS, PORTS)
def test_what_a_browser_sends_is_taken_as_it_is(scheme: str, host: str, port: int | None) -> None:
    own = {"http": 80, "https": 443}[scheme]
    text = f"{scheme}://{host}" + ("" if port in (None, own) else f":{port}")
    assert origin(text) == text


@given(st.text(max_size=30) | st.from_regex(r"\Ahttps?://[^/?#]{0,20}\Z"))
def test_whatever_is_taken_has_a_scheme_and_a_host_and_nothing_else(text: str) -> None:
    try:
        taken = origin(text)
    except ValueError:
        return
    parts = urlsplit(taken)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert f"{parts.scheme}://{parts.netloc}" == taken
    assert taken == taken.lower()
    assert "*" not in taken
    assert "@" not in taken


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("viewer.example.org", "set 'https://viewer.example.org'"),
        ("viewer.example.org:8443", "set 'https://viewer.example.org:8443'"),
        ("https://viewer.example.org/", "set 'https://viewer.example.org'"),
        ("https://viewer.example.org/app?x#y", "set 'https://viewer.example.org'"),
        ("https://Viewer.Example.org", "set 'https://viewer.example.org'"),
        ("https://viewer.example.org:443", "set 'https://viewer.example.org'"),
        ("https://user@viewer.example.org", "set 'https://viewer.example.org'"),
        ("https://bücher.example", "set 'https://xn--bcher-kva.example'"),
        ("https://*.example.org", "list each origin"),
        ("*", "omero.web.cors_origin_allow_all"),
        ("null", "list each origin"),
        ("", "list each origin"),
        ("ftp://viewer.example.org", "neither http nor https"),
        ("https://", "no host name"),
        ("https://a b", "no host name"),
        ("https://viewer.example.org:x", "is not an origin"),
    ],
)
def test_anything_else_is_answered_with_what_to_write(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"origin|browsers") as raised:
        origin(written)
    assert told in str(raised.value)


def test_every_origin_s_mistake_is_told_at_once() -> None:
    data = {"web_cors_origins": ["a.example", "https://b.example", "https://c.example/"]}
    _settings, (finding,) = read(data)
    assert finding.subject == "web_cors_origins"
    assert "'https://a.example'" in finding.message
    assert "'https://c.example'" in finding.message
    assert "b.example" not in finding.message


def test_one_origin_is_a_list_too() -> None:
    _settings, (finding,) = read({"web_cors_origins": "https://a.example"})
    assert '["https://viewer.example.org"]' in finding.message
