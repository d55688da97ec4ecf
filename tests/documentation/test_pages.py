"""Every command, inventory and name in the pages is checked, and some commands are executed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documentation.blocks import blocks, pages
from tests.documentation.check import Page

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_only_what_exists(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    page = Page(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in blocks(name, PAGES[name]):
        page.check(block)
    record_property("documentation", json.dumps(page.counts))
    assert page.problems == []
