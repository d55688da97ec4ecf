"""`omeroweb-ops release`: the commands for administrators, deploys and `bin/release`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..releases import static_collect
from ..state.engine import Engine
from .config import desired


def add(commands: Any, *, internal: bool = False) -> None:
    """Add the commands to argparse's subparsers.

    internal: also the verbs for deploys and bin/release, which run them with a release's own
    Python.
    """
    release = commands.add_parser("release", help="installed releases: list, rollback")
    actions = release.add_subparsers(required=True, metavar="COMMAND")
    actions.add_parser("list", help="list every release on this host").set_defaults(run=_list)
    rollback = actions.add_parser(
        "rollback",
        help="activate another release",
        description="Tries the release beside the active release, then activates it; under systemd "
        "no request fails. The next deploy activates the inventory's release again.",
    )
    rollback.add_argument("release", nargs="?", help="its name (default: the previous release)")
    rollback.set_defaults(run=_elsewhere)
    if not internal:
        return
    collecting = actions.add_parser("collect")
    collecting.add_argument("--desired", metavar="FILE")
    collecting.add_argument("--archive", action="store_true", help="print them as a tar archive")
    collecting.set_defaults(run=_collect)
    actions.add_parser("suits").set_defaults(run=_suits)
    actions.add_parser("restore").set_defaults(run=_restore)
    actions.add_parser("note").set_defaults(run=_note)


def _list(_engine: Engine, _options: argparse.Namespace) -> int:
    from ..releases import installed

    print(installed.table())
    return 0


def _elsewhere(_engine: Engine, _options: argparse.Namespace) -> int:
    """Report that an image has only one release. On a host, bin/release runs instead of this."""
    print("omeroweb-ops: an image is one release; run another image instead", file=sys.stderr)
    return 1


def _collect(engine: Engine, options: argparse.Namespace) -> int:
    properties = engine.plan(desired(engine, options)).result(engine.current)
    static_collect.collect(engine, properties, sys.stdout.buffer if options.archive else None)
    return 0


def _suits(engine: Engine, _options: argparse.Namespace) -> int:
    """Print the configuration that this release works with: `present` or `kept`."""
    from ..releases import installed

    print("kept" if installed.suitable(engine) else "present")
    return 0


def _restore(engine: Engine, _options: argparse.Namespace) -> int:
    """Restore the configuration with which this release was last active."""
    from ..releases import installed

    engine.go_to(installed.kept(engine))
    return 0


def _note(engine: Engine, _options: argparse.Namespace) -> int:
    from ..releases import installed

    print(installed.note(engine))
    return 0
