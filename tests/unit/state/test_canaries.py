"""A canary is found in whatever form it shows: what looks for secrets must not miss one."""

from __future__ import annotations

import base64
import html
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.canaries import Canaries, search, watched

FORMS: tuple[Callable[[str], str], ...] = (
    *(str, repr, json.dumps, html.escape, quote, shlex.quote, str.upper),
    *(lambda text, n=n: base64.b64encode(b"x" * n + text.encode()).decode() for n in range(3)),
    *(lambda text, n=n: base64.b64encode(b"x" * n + text.encode()).decode() for n in range(3, 6)),
    *(lambda text: text.encode().hex(), lambda text: text.encode().hex().upper()),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_canary_is_found_in_each_form(form: Callable[[str], str]) -> None:
    for seed in range(50):
        canaries = Canaries(seed)
        assert canaries.shown(f"a {form(canaries.text())} b")
        assert not canaries.shown(form(Canaries(seed + 1).text()))
        assert canaries.shown(str(canaries.integer()))


def test_files_processes_and_directories_are_searched(tmp_path: Path) -> None:
    canaries = Canaries(7)
    open_to_all, own = tmp_path / "open", tmp_path / "own"
    open_to_all.write_text(canaries.text())
    own.write_bytes(b"\xff\0" + canaries.word().encode())
    open_to_all.chmod(0o644)
    own.chmod(0o600)
    (tmp_path / "link").symlink_to(own)
    os.mkfifo(tmp_path / "pipe")
    found = search(canaries, None, [str(tmp_path)])
    assert sorted((each.path, each.mode) for each in found) == [
        (str(open_to_all), 0o644),
        (str(own), 0o600),
    ]
    assert not search(canaries, None, [str(tmp_path)], since=own.stat().st_ctime + 1)
    looking = "import sys, time; time.sleep(1)"
    with watched(canaries, None, [str(tmp_path)]) as shown:
        later = tmp_path / "later"
        later.write_text(canaries.word())
        subprocess.run([sys.executable, "-c", looking, canaries.word()], check=True)
        environment = {**os.environ, "A": canaries.word()}
        subprocess.run([sys.executable, "-c", looking], env=environment, check=True)
    places = {place.rpartition("/")[2] for place, _form, _text in shown}
    assert places == {"cmdline", "environ", "open", "own", "later"}
