"""Run in an image: what upstream's own `omero load` makes of sequences of `omero config` lines.

Standard input: JSON, a list of [name of a property, lines]; output: JSON, the value of each
property or null. A line that fails is passed over, as `omero load --keep-going` does.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path

folder = Path(os.environ["OMERODIR"])
config = folder / "etc" / "grid" / "config.xml"

from omero.cli import CLI  # noqa: E402  (OMERODIR comes first)
from omero.config import ConfigXml  # noqa: E402

found = []
with contextlib.redirect_stderr(io.StringIO()), tempfile.TemporaryDirectory() as scratch:
    cli = CLI()
    cli.loadplugins()
    for name, lines in json.load(sys.stdin):
        config.unlink(missing_ok=True)
        file = Path(scratch, "a.omero")
        file.write_text("\n".join(lines) + "\n")
        cli.invoke(["load", "--keep-going", str(file)])
        xml = ConfigXml(str(config))
        found.append(xml.as_map().get(name))
        xml.close()
print(json.dumps(found))
