"""`omeroweb-ops`: the state engine and day-two commands, on a host or in an image."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from .locations import Locations
from .state.config_xml import Unreadable
from .state.desired import Desired
from .state.engine import Engine, Invalid
from .state.plan import Plan, mask


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    engine = Engine(Locations.from_environment())
    try:
        status: int = options.run(engine, options)
    except Invalid as error:
        for finding in error.findings:
            print(f"omeroweb-ops: {finding}", file=sys.stderr)
        return 1
    except (Unreadable, OSError, ValueError) as error:
        print(f"omeroweb-ops: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="omeroweb-ops", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    config = commands.add_parser("config", help="OMERO.web's properties").add_subparsers(
        required=True, metavar="COMMAND"
    )
    plan = config.add_parser(
        "plan",
        help="show what differs from the desired state last deployed",
        description="Exit status: 0 nothing differs, 2 something differs, 1 an error.",
    )
    plan.add_argument("--json", action="store_true", help="for programs")
    plan.set_defaults(run=_plan)
    config.add_parser("apply", help="bring config.xml to the desired state").set_defaults(
        run=_apply
    )
    digest = config.add_parser("digest", help="one text for the configuration as it stands")
    digest.add_argument("property", nargs="*", help="only of these properties' effective values")
    digest.set_defaults(run=_digest)

    sessions = commands.add_parser("sessions", help="OMERO.web's sessions").add_subparsers(
        required=True, metavar="COMMAND"
    )
    sessions.add_parser("clear", help="remove expired sessions").set_defaults(run=_clear)

    ready = commands.add_parser("ready", help="wait until OMERO.web answers")
    ready.add_argument("--timeout", type=float, default=60, help="seconds (default: 60)")
    ready.set_defaults(run=_ready)

    serve = commands.add_parser(
        "serve", help="in an image: configure from the environment and run OMERO.web"
    )
    serve.set_defaults(run=_serve)
    return parser


def _plan(engine: Engine, options: argparse.Namespace) -> int:
    plan = engine.plan(Desired.load(engine.locations.desired_state))
    if options.json:
        steps = [
            {
                "property": change.name,
                "action": change.action,
                "old": mask(change.name, change.old, engine.schema),
                "new": mask(change.name, change.new, engine.schema),
            }
            for change in plan.changes
        ]
        print(json.dumps({"changes": steps, "drift": plan.drift}, indent=1))
    else:
        _show(engine, plan)
        if not plan.changes:
            print("OMERO.web's configuration is as deployed.")
    return 2 if plan.changes else 0


def _show(engine: Engine, plan: Plan) -> None:
    for change in plan.changes:
        old, new = (mask(change.name, text, engine.schema) for text in (change.old, change.new))
        sign = {"add": "+", "change": "~", "remove": "-"}[change.action]
        texts = " → ".join("(not set)" if text is None else text for text in (old, new))
        print(f"{sign} {change.name}: {texts}")
    for name in plan.drift:
        print(f"! {name}: set by hand, kept")


def _apply(engine: Engine, _options: argparse.Namespace) -> int:
    plan = engine.apply(Desired.load(engine.locations.desired_state))
    _show(engine, plan)
    return 0


def _digest(engine: Engine, options: argparse.Namespace) -> int:
    print(engine.digest(options.property))
    return 0


def _clear(engine: Engine, _options: argparse.Namespace) -> int:
    from . import sessions

    return sessions.clear(engine)


def _ready(engine: Engine, options: argparse.Namespace) -> int:
    from . import ready

    problem = ready.wait(engine, options.timeout)
    if problem:
        print(f"omeroweb-ops: OMERO.web is not ready: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _serve(engine: Engine, _options: argparse.Namespace) -> int:
    from . import serve

    return serve.serve(engine)


if __name__ == "__main__":
    sys.exit(main())
