"""`omeroweb-ops config`: the commands of the state engine, for administrators and deploys."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from ..locations import CURRENT
from ..property_names import CACHES, PUBLIC_URL_FILTER, SERVER_LIST
from ..releases import public_login, static_collect, trial
from ..shared import omero_server
from ..state import diff, export
from ..state.desired import Desired
from ..state.engine import Engine, Invalid
from ..state.plan import Plan, mask
from ..state.schema import Property
from ..state.schema_cache import installed_version
from ..state.snapshot import State
from . import properties


def add(commands: Any, *, internal: bool = False) -> None:
    """Add the commands to argparse's subparsers. internal: also the verbs for deploys."""
    config = commands.add_parser("config", help="OMERO.web's properties").add_subparsers(
        required=True, metavar="COMMAND"
    )
    plan = config.add_parser(
        "plan",
        help="show what differs from the desired state that was last deployed",
        description="Exit status: 0 nothing differs, 2 something differs, 1 an error.",
    )
    plan.add_argument("--json", action="store_true", help="for programs")
    plan.set_defaults(run=_plan)
    check = config.add_parser(
        "check",
        help="check whether a desired state can be applied; change nothing",
        description="Validates every property and, if something differs, tries OMERO.web with a "
        "copy of the configuration. Exit status: 0 it can be applied, 1 it cannot.",
    )
    check.add_argument("--json", action="store_true", help="for programs")
    check.set_defaults(run=_check)
    for command in (plan, check):
        command.add_argument(
            "--desired", metavar="FILE", help="default: the last deployed; - for standard input"
        )
    config.add_parser("apply", help="bring config.xml to the desired state").set_defaults(
        run=_apply
    )
    config.add_parser(
        "rollback", help="restore the configuration before the last change"
    ).set_defaults(run=_rollback)
    properties.add(config)
    show = config.add_parser("show", help="show a property's value and where it comes from")
    show.add_argument("property", nargs="*", help="default: every property that is set")
    show.set_defaults(run=_show)
    export = config.add_parser("export", help="print the configuration in an inventory's form")
    export.add_argument("--secrets", metavar="FILE", help="write secrets to this new YAML file")
    export.set_defaults(run=_export)
    digest = config.add_parser("digest", help="print a digest of the present configuration")
    digest.add_argument("property", nargs="*", help="of these properties' effective values only")
    digest.set_defaults(run=_digest)
    if internal:  # for deploys, which show the end of a log
        config.add_parser("redact").set_defaults(run=_redact)


def _plan(engine: Engine, options: argparse.Namespace) -> int:
    wanted = desired(engine, options)
    plan = engine.plan(wanted)
    if options.json:
        print(json.dumps(_data(engine, plan), indent=1))
    else:
        _warn(engine, wanted)
        _print(engine, plan)
        if not plan.changes:
            print("OMERO.web's configuration is as deployed.")
    return 2 if plan.changes else 0


def _check(engine: Engine, options: argparse.Namespace) -> int:
    wanted = desired(engine, options)
    engine.note_secret(wanted)
    try:
        plan = trial.accept(engine, wanted)
        properties = plan.result(engine.current)
        unreachable = omero_server.problems(engine.value(SERVER_LIST, properties) or ())
        public = public_login.check(engine, properties, unreachable)
        if public and public.is_error:
            raise Invalid([public])
    except Invalid as error:
        if not options.json:
            raise
        print(json.dumps({"findings": [str(finding) for finding in error.findings]}, indent=1))
        return 1
    if options.json:
        release = {
            "collect": static_collect.due(engine, properties),
            "serves": CURRENT.resolve() == Path(sys.prefix).resolve(),
        }
        # for the end of a deploy, although OMERO.web serves
        warning = omero_server.no_login(unreachable) or (str(public) if public else None)
        warnings = {"warnings": [warning] if warning else []}
        print(json.dumps({**_data(engine, plan), **release, **warnings}, indent=1))
    else:
        _warn(engine, wanted)
        _print(engine, plan)
    return 0


def desired(engine: Engine, options: argparse.Namespace) -> Desired:
    """Return the desired state of `--desired`, else the last deployed one."""
    if options.desired == "-":
        return Desired.parse(sys.stdin.read(), "standard input")
    return Desired.load(Path(options.desired or engine.locations.desired_state))


def _data(engine: Engine, plan: Plan) -> dict[str, object]:
    steps = [
        {
            "property": change.name,
            "action": change.action,
            "old": mask(change.name, change.old, engine.shown),
            "new": mask(change.name, change.new, engine.shown),
        }
        for change in plan.changes
    ]
    shown, kept = [*diff.lines(plan, engine.shown)], diff.kept(plan, engine.shown)
    return {"changes": steps, "drift": plan.drift, "kept": kept, "diff": shown}


def _warn(engine: Engine, desired: Desired) -> None:
    for each in engine.check(desired):
        print(f"omeroweb-ops: {'' if each.is_error else 'warning: '}{each}", file=sys.stderr)


def _print(engine: Engine, plan: Plan) -> None:
    for line in diff.lines(plan, engine.shown):
        print(line)


def _apply(engine: Engine, _options: argparse.Namespace) -> int:
    wanted = Desired.load(engine.locations.desired_state)
    trial.accept(engine, wanted)
    _print(engine, engine.apply(wanted))
    return 0


def _rollback(engine: Engine, _options: argparse.Namespace) -> int:
    before = State.read(engine.locations.previous).properties
    reason = trial.failure(engine, before) if installed_version() else None
    if reason:  # for example an app that the active release does not have
        raise ValueError(
            f"the previous configuration does not work with this release: {reason}; "
            "see omeroweb-ops release rollback"
        )
    _print(engine, engine.rollback())
    print("The previous configuration is restored; `omero web restart` activates it.")
    return 0


def _show(engine: Engine, options: argparse.Namespace) -> int:
    status = 0
    engine.learn(engine.current)
    for name in options.property or sorted(engine.current):
        try:
            prop = engine.schema.lookup(name)
        except ValueError as error:
            if name not in engine.current:
                print(f"omeroweb-ops: {name}: {error}", file=sys.stderr)
                status = 1
                continue
            prop = Property(name, "string", None, "")
        known = name in engine.schema
        default = engine.schema.default(name, engine.locations.omerodir) if known else None
        print(f"{name} = {mask(name, engine.effective(name), engine.shown)}")
        print(f"    from: {engine.source(name)}; default: {default}")
        if prop.description and options.property:
            print(textwrap.indent(textwrap.fill(prop.description, 90), "    "))
    return status


def _export(engine: Engine, options: argparse.Namespace) -> int:
    if not os.path.exists(engine.locations.config_xml):  # False also without permission
        raise ValueError(
            f"there is no configuration in {engine.locations.config_xml}, or this user cannot read "
            "it; set OMERODIR to the directory of the installation, and run the command as root"
        )
    engine.learn(engine.current)
    found = export.export(engine.current, engine.shown, engine.locations.omerodir)
    print(export.written(found.settings), end="")
    if found.unread:
        print(f"# left out, read by neither OMERO.web nor a plugin: {', '.join(found.unread)}")
    if found.own_redis:
        print(f"# left out, as the group redis brings OMERO.web's own Redis: {CACHES}")
    if found.closed:
        views = ", ".join(map(str, found.closed))
        print(f"# {PUBLIC_URL_FILTER} no longer opens what changes data: {views}")
    secrets = found.secrets
    if secrets and options.secrets:
        # JSON text is YAML text too
        lines = [f"{name}: {json.dumps(text)}" for name, text in secrets.items()]
        new = os.open(options.secrets, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(new, "w", encoding="utf-8") as file:
            print(*lines, sep="\n", file=file)
        print(f'"web_secrets": "{options.secrets}",')
    elif secrets:
        print(f"# secrets, which --secrets FILE writes: {', '.join(secrets)}")
    return 0


def _redact(engine: Engine, _options: argparse.Namespace) -> int:
    """Print standard input with a mask for each secret of the configuration."""
    text = sys.stdin.buffer.read().decode(errors="replace")
    print(engine.redacted(text, {}), end="")
    return 0


def _digest(engine: Engine, options: argparse.Namespace) -> int:
    print(engine.digest(options.property))
    return 0
