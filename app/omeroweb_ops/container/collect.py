"""Print the static files for the image's configuration as a tar archive, for `add_plugins`.

`python -I -m omeroweb_ops.container.collect`, as omero-web. Exit status 1, and a line for
each error, if a container would not start.
"""

from __future__ import annotations

import os
import sys

from ..locations import Locations
from ..releases import static_collect
from ..state.engine import Engine, Invalid
from . import serve


def main() -> int:
    """Print the archive. Returns the exit status."""
    engine = Engine(Locations.from_environment())
    serve.make_directories(engine.locations)
    try:
        desired, _own = serve.configuration(engine, os.environ)
        properties = engine.plan(desired).result(engine.current)
        static_collect.collect(engine, properties, sys.stdout.buffer)
    except Invalid as error:
        print(*(f"omeroweb-ops: {each}" for each in error.findings), sep="\n", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"omeroweb-ops: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
