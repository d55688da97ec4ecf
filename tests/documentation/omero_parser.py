"""Run by a release's Python: parse commands of `omero` with its own parser.

Standard input: a JSON list of the words of each command, and whether it is a part of a command,
which may lack arguments. Prints a JSON list of the reasons for refusals.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from omero.cli import CLI

cli = CLI()
cli.loadplugins()
problems = []
for words, is_part in json.load(sys.stdin):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            cli.parser.parse_args(words)
    except SystemExit as end:
        if end.code and not (is_part and "too few arguments" in said.getvalue()):
            problems.append(f"omero {' '.join(words)}: {said.getvalue().strip()[-200:]}")
print(json.dumps(problems))
