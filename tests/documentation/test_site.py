"""The pages build as a site without a warning, and each is in the navigation."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import reference
from docs.__main__ import build
from docs.conf import toctrees
from tests.documentation.blocks import ROOT


@pytest.mark.parametrize("name", reference.pages())
def test_a_generated_page_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == reference.pages()[name], "use `./run docs`"


def test_the_site_is_built_without_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A page outside the navigation and a link to a missing page or heading are warnings."""
    status = build(tmp_path)
    assert (capfd.readouterr().err, status) == ("", 0)
    index = (tmp_path / "html/docs/index.html").read_text("utf-8")
    for section in ("Start", "How-to", "Reference", "Background"):
        assert f'<span class="caption-text">{section}</span>' in index


def test_the_lists_of_the_index_are_the_navigation() -> None:
    start = "## Start\n\n- [A](../README.md)\n- [B](b.md): text\n"
    index = f"# Title\n\n{start}\n## How-to\n\n- [C](c.md)\n"
    fence = "```{toctree}\n:hidden:\n:caption: "
    assert toctrees(index) == (f"{fence}Start\n\n/README\nb\n```\n{fence}How-to\n\nc\n```")
