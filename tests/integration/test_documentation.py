"""The commands of `omero` in the pages, with the parser of a release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.documentation.blocks import blocks, pages
from tests.documentation.check import Page
from tests.documentation.programs import unwrapped
from tests.integration.conftest import MakeHost
from tests.integration.site_checks import BASE

OF_SERVER = "certificates"  # a command of OMERO.server alone
PARSER = Path(__file__).parents[1] / "documentation/omero_parser.py"


def commands(directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], bool]]:
    monkeypatch.chdir(directory)
    page = Page(directory)
    for name, text in pages().items():
        for block in blocks(name, text):
            if block.language in ("", "sh", "span", "dockerfile"):
                page.check(block)
    found = [(unwrapped([*words])[1:], is_part) for words, is_part in page.omero]
    return [(words, is_part) for words, is_part in found if words[:1] != [OF_SERVER]]


def test_omero_knows_each_command(
    make_host: MakeHost, deployed_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = commands(tmp_path, monkeypatch)
    assert len(found) > 80
    host = make_host("plain", image=deployed_image)
    host.write("/srv/parser.py", PARSER.read_text("utf-8"))
    host.write("/srv/commands.json", json.dumps([*found, (["web", "startt"], True)]))
    command = f"{BASE}/venv3/bin/python /srv/parser.py < /srv/commands.json"
    (problem,) = json.loads(host.run(command).stdout.splitlines()[-1])
    assert "startt" in problem  # an error is found
