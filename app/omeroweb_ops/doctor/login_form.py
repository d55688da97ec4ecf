"""Parse the login page as a browser does."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page:
    """The parts of a login page.

    files: URLs of style sheets and scripts, as in the page. inputs: the form's names and values.
    server: the selected server. error: the form's error message.
    """

    title: str = ""
    files: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    server: str = ""
    error: str = ""

    @property
    def token(self) -> str:
        return self.inputs.get("csrfmiddlewaretoken", "")

    @property
    def is_login(self) -> bool:
        """Whether the page has OMERO.web's login form, also with a facility's own design."""
        return bool(self.token) and "username" in self.inputs


def read(text: str) -> Page:
    reader = _Reader()
    reader.feed(text)
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "link" and found.get("rel") == "stylesheet":
            self.page.files.append(found.get("href", ""))
        elif tag == "script" and "src" in found:
            self.page.files.append(found["src"])
        elif tag == "input":
            self.page.inputs[found.get("name", "")] = found.get("value", "")
        elif tag == "option" and (not self.page.server or "selected" in found):
            self.page.server = found.get("value", "")
        errors = "error" in found.get("class", "").split() and not self.page.error
        self._inside = tag if tag == "title" else "error" if errors else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.page.title = (self.page.title + data).strip()
        elif self._inside == "error":
            self.page.error = data.strip()
