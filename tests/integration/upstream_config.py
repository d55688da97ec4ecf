"""Run in an image: what upstream itself makes of `omero config` lines, and of a property's text.

Standard input: a JSON text a line, with a JSON text on standard output for each. ["load", name,
lines]: the value of a property after these lines, or null; a line that fails is passed over, as
`omero load --keep-going` does. ["read", name, text]: what the property's own function in
omeroweb.settings returns, in a list, or the error.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

folder = Path(os.environ["OMERODIR"])
config = folder / "etc" / "grid" / "config.xml"
answers = sys.stdout

import omeroweb.settings as settings  # noqa: E402  (OMERODIR comes first)
from omero.cli import CLI  # noqa: E402
from omero.config import ConfigXml  # noqa: E402

own = sorted(Path(settings.__file__).parent.glob("*/*_settings.py"))  # of OMERO.web's own apps
modules = [importlib.import_module(f"omeroweb.{each.parent.name}.{each.stem}") for each in own]
mappings = {
    key: entry
    for module in (settings, *modules)
    for variable, mapping in vars(module).items()
    if variable.endswith(("SETTINGS_MAPPING", "SETTINGS_MAPPINGS"))
    for key, entry in mapping.items()
}


def load(name: str, lines: list[str]) -> Any:
    config.unlink(missing_ok=True)
    file = Path(scratch, "a.omero")
    file.write_text("\n".join(lines) + "\n")
    cli.invoke(["load", "--keep-going", str(file)])
    xml = ConfigXml(str(config))
    try:
        return xml.as_map().get(name)
    finally:
        xml.close()


def read(name: str, text: str) -> Any:
    try:
        return [mappings[name][2](text)]
    except Exception as error:
        return repr(error)


ACTIONS: dict[str, Callable[[str, Any], Any]] = {"load": load, "read": read}

with contextlib.redirect_stderr(io.StringIO()), tempfile.TemporaryDirectory() as scratch:
    cli = CLI()
    cli.loadplugins()
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            action, *words = json.loads(line)
            answer = ACTIONS[action](*words)
            print(json.dumps(answer, default=str), file=answers, flush=True)
