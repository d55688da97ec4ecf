"""Run a verb: `python -m roles.cli VERB`, as `./run VERB` does."""

import sys

from .group import main

if __name__ == "__main__":
    sys.exit(main())
