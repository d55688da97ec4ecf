"""A site's apps may do anything when they are imported: it is told whose doing it was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from omeroweb_ops.processes import stat
from omeroweb_ops.state import schema_cache

OMEROWEB = """
INTERNAL_SETTINGS_MAPPING = CUSTOM_SETTINGS_MAPPINGS = {}
DEVELOPMENT_SETTINGS_MAPPINGS = DEPRECATED_SETTINGS_MAPPINGS = {}
ALL_SERVER_TYPES = SESSION_ENGINE_VALUES = ()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with an OMERO.web that has no properties of its own."""
    files = {
        "omeroweb/__init__.py": "",
        "omeroweb/settings.py": OMEROWEB,
        "omero_web-5.33.2.dist-info/METADATA": "Name: omero-web\nVersion: 5.33.2\n",
        "good/__init__.py": "",
        "good/good_settings.py": "GOOD_SETTINGS_MAPPING = {'omero.web.x': ['X', 1, int, 'x']}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{schema_cache.SITE_PACKAGES}")
    return tmp_path


def app(site: Path, content: str, module: str = "__init__") -> None:
    (site / "plug").mkdir()
    (site / "plug/__init__.py").touch()
    (site / f"plug/{module}.py").write_text(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import sys\nsys.exit(0)", "SystemExit: 0 (in plug/__init__.py, line 2)"),
        ("import os\nos._exit(0)", "its Python ended with status 0"),
        ("raise BaseException", "BaseException (in plug/__init__.py, line 1)"),
        (
            "import gone",
            "ModuleNotFoundError: No module named 'gone' (in plug/__init__.py, line 1)",
        ),
        ("\nif:", "SyntaxError: invalid syntax (in plug/__init__.py, line 2)"),
    ],
)
def test_whose_import_fails_is_told_with_the_reason(site: Path, content: str, reason: str) -> None:
    app(site, content)
    assert schema_cache._read(["good", "plug"], [])["broken"] == {"plug": reason}


def test_a_broken_settings_module_is_told_with_its_line(site: Path) -> None:
    app(site, "x = 1\nif:\n", "settings")
    reason = "SyntaxError: invalid syntax (in plug/settings.py, line 2)"
    assert schema_cache._read(["plug"], [])["broken"] == {"plug": reason}


@pytest.mark.parametrize(
    "content",
    [
        "print('{starting')\nprint('{')",
        "import os\nos.system('echo {')",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()",
    ],
)
def test_what_an_app_prints_or_leaves_running_is_no_matter(site: Path, content: str) -> None:
    app(site, content)
    found = schema_cache._read(["plug", "good"], [])
    assert "broken" not in found
    assert "omero.web.x" in [each["name"] for each in found["properties"]]


def test_an_import_that_hangs_is_given_up(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_cache, "INTROSPECTION_TIMEOUT", 2.0)
    app(site, "while True:\n    try:\n        import time; time.sleep(60)\n    except: pass")
    assert schema_cache._read(["plug", "good"], [])["broken"] == {"plug": "not finished within 2 s"}


def test_an_import_that_hangs_ends_with_who_asked_for_it(site: Path) -> None:
    note = f"open({str(site / 'pid')!r}, 'w').write(str(os.getpid()))"
    app(site, f"import os, time\n{note}\ntime.sleep(60)\n")
    asking = "from omeroweb_ops.state import schema_cache; schema_cache._read(['plug'], [])"
    asker = subprocess.Popen([sys.executable, "-c", asking])
    pid = site / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    asker.kill()
    asker.wait()
    until(lambda: not runs(int(pid.read_text())))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return stat(pid)[0] != "Z"
    except OSError:
        return False
