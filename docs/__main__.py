"""`./run docs`: write the generated pages, and build the documentation as a site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs import reference

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".artifacts/docs"


def build(directory: Path) -> int:
    """Build the pages below the directory, and return Sphinx's exit status: a warning fails."""
    options = ["-W", "--keep-going", "-q", "-b", "html", "-c", f"{ROOT}/docs"]
    places = ["-d", f"{directory}/doctrees", f"{ROOT}", f"{directory}/html"]
    return subprocess.call([sys.executable, "-m", "sphinx", *options, *places])


if __name__ == "__main__":
    reference.write()
    status = build(BUILT)
    if status == 0:
        print(f"The pages are in {BUILT}/html/docs/index.html")
    sys.exit(status)
