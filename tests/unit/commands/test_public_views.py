"""What `omeroweb-ops public-views` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omeroweb_ops.cli import main as ops
from omeroweb_ops.commands import public_views
from omeroweb_ops.state.desired import Desired

from tests.unit.helpers import installation

PUBLIC = {"omero.web.public.enabled": True, "omero.web.public.user": "public"}
PAGE = (Path(__file__).parents[3] / "docs/public-site.md").read_text("utf-8")


def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    found = re.search(r"public_views '(.*)'\n", PAGE)
    assert found
    assert public_views.main([found[1]]) == 0
    assert f"```\n{capsys.readouterr().out}```" in PAGE


@pytest.mark.parametrize(
    ("url_filter", "status", "said"),
    [
        ("^/webadmin/", 1, r"waexperimenters +/webadmin/experimenters/ +ADMINISTRATION$"),
        ("script_run", 1, r"script_run +/webclient/script_run/1/ +CHANGES DATA$"),
        ("a^", 0, "Open to visitors: 0"),
    ],
)
def test_what_must_not_be_open_is_marked(
    url_filter: str, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert public_views.main([url_filter]) == status
    assert re.search(f"(?m){said}", capsys.readouterr().out)


def test_what_is_no_filter_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert public_views.main(["("]) == 2
    assert "'(' is not a regular expression" in capsys.readouterr().err
    assert public_views.main([]) == 2


def test_on_a_host_it_is_the_configuration_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = installation(tmp_path)
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    assert ops(["public-views"]) == 0
    assert "omero.web.public.enabled is off" in capsys.readouterr().out
    more = {"omero.web.prefix": "/omero", "omero.web.public.url_filter": "^/omero/webgateway/luts/"}
    engine.apply(Desired({**PUBLIC, **more}))
    assert ops(["public-views"]) == 0
    assert "webgateway_listLuts_json" in capsys.readouterr().out
    assert ops(["public-views", "^/webgateway/"]) == 0
    assert "Open to visitors: 0" in capsys.readouterr().out
