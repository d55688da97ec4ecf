"""A site's apps may do anything when they are imported: it is told whose doing it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from omeroweb_ops.processes import stat
from omeroweb_ops.state import schema_cache

OMEROWEB = """
import json, os
INTERNAL_SETTINGS_MAPPING = CUSTOM_SETTINGS_MAPPINGS = {}
DEVELOPMENT_SETTINGS_MAPPINGS = DEPRECATED_SETTINGS_MAPPINGS = {}
ALL_SERVER_TYPES = SESSION_ENGINE_VALUES = ()
INSTALLED_APPS = ("omeroweb.api",)
CUSTOM_SETTINGS = json.loads(os.environ.get("VALUES", "{}"))
class LeaveUnset(Exception): pass
def leave_none_unset(s):
    if s is None: raise LeaveUnset()
    return s
def str_slash(s): return s
def process_custom_settings(module, settings="CUSTOM_SETTINGS_MAPPINGS", deprecated=None):
    raise AssertionError("raises at the first value that is refused")
def report_settings(module): assert [len(entry) for entry in module.MAPPING.values()]
"""
API = """
import sys
from omeroweb.settings import process_custom_settings, report_settings, str_slash
MAPPING = {"omero.web.api.url": ["URL", None, str_slash, "its address"]}
process_custom_settings(sys.modules[__name__], "MAPPING")
report_settings(sys.modules[__name__])
"""
# As omero-signup, omero-oauth and OPENLINK have them.
REQUIRED = """
import json, sys
from omeroweb.settings import leave_none_unset, process_custom_settings

def not_empty(o):
    if not o: raise ValueError("Invalid empty value")
    return str(o)

def json_or_file(o):
    return json.loads(o) if o.startswith("{") else open(o).read()

MAPPING = {
    "omero.web.plug.user": ["PLUG_USER", "", not_empty, "who"],
    "omero.web.plug.providers": ["PROVIDERS", "{}", json_or_file, None],
    "omero.web.plug.ratio": ["RATIO", 0.5, float, None],
    "omero.web.plug.types": ["TYPES", [], json.loads, None],
    "omero.web.plug.any": ["ANY", "null", json.loads, None],
    "omero.web.plug.optional": ["OPTIONAL", None, leave_none_unset, None],
    "omero.web.plug.on": ["ON", False, bool, None],
}
process_custom_settings(sys.modules[__name__], "MAPPING")
FIRST = PLUG_USER[0]  # raises if the property is not set
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with an OMERO.web that has no properties of its own."""
    files = {
        "omeroweb/__init__.py": "",
        "omeroweb/settings.py": OMEROWEB,
        "omeroweb/api/__init__.py": "",
        "omeroweb/api/api_settings.py": API,
        "omero_web-5.33.2.dist-info/METADATA": "Name: omero-web\nVersion: 5.33.2\n",
        "good/__init__.py": "",
        "good/good_settings.py": "GOOD_SETTINGS_MAPPING = {'omero.web.x': ['X', 1, int, 'x']}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
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


def properties(*apps: str) -> dict[str, tuple[str, str | None]]:
    """The kind and the default of each property."""
    found = schema_cache._read(apps, [])
    assert "broken" not in found
    return {each["name"]: (each["kind"], each["default"]) for each in found["properties"]}


def test_the_properties_of_omero_web_s_own_apps_are_known(site: Path) -> None:
    assert properties()["omero.web.api.url"] == ("base_url", None)


@pytest.mark.parametrize("module", ["plug_settings", "settings", "views/own_settings"])
def test_an_app_that_raises_without_its_properties_has_told_them_all(
    site: Path, module: str
) -> None:
    (site / "plug/views").mkdir(parents=True)
    (site / "plug/views/__init__.py").touch()
    (site / "plug/__init__.py").touch()
    (site / f"plug/{module}.py").write_text(REQUIRED)
    found = properties("plug")
    assert {name: found[name] for name in found if name.startswith("omero.web.plug.")} == {
        "omero.web.plug.user": ("custom", ""),
        "omero.web.plug.providers": ("custom", "{}"),
        "omero.web.plug.ratio": ("custom", "0.5"),
        "omero.web.plug.types": ("list", "[]"),
        "omero.web.plug.any": ("custom", "null"),
        "omero.web.plug.optional": ("string", None),
        "omero.web.plug.on": ("switch", ""),
    }


def test_a_property_that_an_app_reads_in_another_way_is_known_by_its_name(site: Path) -> None:
    text = "import django.gone\nfrom omeroweb.settings import CUSTOM_SETTINGS\n"
    app(site, text + "SIZE = CUSTOM_SETTINGS.get('omero.web.plug.size', 5)\n", "views")
    (site / "plug/names.py").write_text("NAMESPACE = 'omero.web.plug.namespace'\n")
    found = properties("plug")
    assert found["omero.web.plug.size"] == ("custom", None)
    assert "omero.web.plug.namespace" not in found


def test_a_function_of_a_plugin_s_own_is_not_taken_for_omero_web_s_of_the_same_name(
    site: Path,
) -> None:
    own = "def parse_boolean(s): return s\ndef loads(s): return s\n"
    mapping = {"omero.web.plug.a": "parse_boolean", "omero.web.plug.b": "loads"}
    entries = ", ".join(f"'{name}': ['X', '[]', {read}, None]" for name, read in mapping.items())
    app(site, f"{own}CUSTOM_SETTINGS_MAPPINGS = {{{entries}}}\n", "settings")
    found = properties("plug")
    assert [found[name] for name in mapping] == [("custom", "[]")] * 2


def refusals(values: dict[str, str]) -> dict[str, tuple[str, bool]]:
    environment = {**os.environ, "VALUES": json.dumps(values)}
    found = schema_cache.refusals(["plug"], environment)
    return {each.name: (each.reason, each.is_set) for each in found}


def test_an_app_s_own_functions_read_the_values(site: Path, tmp_path: Path) -> None:
    app(site, REQUIRED, "plug_settings")
    known = {"omero.web.plug.types": "[]", "omero.web.plug.user": "ada"}
    assert refusals(known) == {}
    providers = tmp_path / "providers.yaml"
    providers.write_text("a: b")
    named = {**known, "omero.web.plug.providers": str(providers)}
    assert refusals(named) == {}
    assert refusals({**named, "omero.web.plug.providers": '{"a": 1}'}) == {}
    providers.unlink()
    wrong = {**named, "omero.web.plug.ratio": "half", "omero.web.plug.user": ""}
    found = refusals(wrong)
    reason, is_set = found.pop("omero.web.plug.providers")
    assert is_set
    assert reason.startswith(
        f"FileNotFoundError: [Errno 2] No such file or directory: '{providers}"
    )
    assert found == {
        "omero.web.plug.ratio": ("could not convert string to float: 'half'", True),
        "omero.web.plug.user": ("Invalid empty value", True),
    }
    missing = refusals({"omero.web.plug.types": "[]"})
    assert missing == {"omero.web.plug.user": ("Invalid empty value", False)}


def test_values_are_read_with_omero_web_s_own_settings_or_not_at_all(site: Path) -> None:
    app(site, REQUIRED, "plug_settings")
    (site / "omeroweb/settings.py").write_text("raise ValueError('Invalid TIME_ZONE')")
    assert schema_cache.refusals(["plug"], os.environ) == []


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
