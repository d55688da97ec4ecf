"""The maintenance page for programs and for people, with any message."""

from __future__ import annotations

import html
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roles.nginx.templating import TEMPLATES

NASTY = [
    '"quotes" and \\backslashes\\',
    "</script><script>alert(1)</script>",
    "two\nlines\tand a tab",
    "ümläute, 日本語, 🔬 and \u2028",
    "{{ 7 * 7 }} {% raw %}",
    "it's $HOME & 'so'",
]


def rendered(kind: str, **values: object) -> str:
    given: dict[str, object] = {
        "prefix": "",
        "retry_after": 30,
        "message": None,
        "expected_end": None,
        "expected_end_iso": None,
        "logo": None,
        "contact": None,
        **values,
    }
    return TEMPLATES.get_template(f"maintenance.{kind}.j2").render(given)


class Page(HTMLParser):
    """The elements and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append(tag)
        self.links += [value for name, value in attrs if name == "href" and value and tag == "a"]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += data


@pytest.mark.parametrize("message", NASTY)
@pytest.mark.parametrize("end", [None, "2030-01-01T12:00:00+00:00"])
def test_for_programs_it_is_json_with_the_message(message: str, end: str | None) -> None:
    found = json.loads(rendered("json", message=message, expected_end_iso=end))
    assert found["error"] == "maintenance"
    assert found["message"] == message
    assert found.get("expected_end") == end
    assert found.get("retry_after") == (None if end else 30)


@given(st.text(min_size=1))
def test_for_programs_it_is_json_whatever_the_message(message: str) -> None:
    assert json.loads(rendered("json", message=message))["message"] == message


def test_without_a_message_programs_are_told_what_to_do() -> None:
    found = json.loads(rendered("json"))
    assert "try again" in found["message"]
    assert "expected_end" not in found


@pytest.mark.parametrize("message", NASTY)
def test_people_read_the_message_as_it_was_written_and_it_adds_no_element(message: str) -> None:
    plain, told = Page(rendered("html", message="x")), Page(rendered("html", message=message))
    assert message in told.text
    assert told.tags == plain.tags


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("https://help.example/", "https://help.example/"),
        ("mailto:help@example.org", "mailto:help@example.org"),
        ("help@example.org", "mailto:help@example.org"),
        ("Ada, room 5", None),
        ("javascript:alert(1)", None),
        ('"><script>alert(1)</script>', None),
    ],
)
def test_a_contact_is_a_link_where_it_can_be_one_and_never_a_script(
    contact: str, link: str | None
) -> None:
    page = Page(rendered("html", contact=contact))
    plain = Page(rendered("html"))
    added = [each for each in page.links if each not in plain.links]
    assert added == ([link] if link else [])
    assert page.tags.count("script") == plain.tags.count("script")
    assert contact.removeprefix("mailto:") in page.text


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    """OMERO.web is away: no style sheet, no script, no image of it can be had."""
    text = html.unescape(rendered("html"))
    assert 'src="' not in text
    assert "@import" not in text
    assert "url(http" not in text


def test_the_page_knows_where_omero_web_is() -> None:
    assert '"/omero/webclient/login/"' in rendered("html", prefix="/omero")
    assert "/omero/webclient/" in Page(rendered("html", prefix="/omero")).links
