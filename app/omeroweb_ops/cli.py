"""`omeroweb-ops`: the state engine and day-two commands, on a host or in an image."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from .commands import config, public_views, release
from .locations import Locations
from .state.config_xml import Unreadable
from .state.engine import Engine, Invalid

# Control characters of ASCII and of ISO 6429's C1 set, except tabs and line breaks.
_CONTROL = {*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A}
_ESCAPES = {each: f"\\u{each:04x}" for each in _CONTROL}

NOT_DEPLOYED = (
    "nothing is deployed on this machine; run `omeroweb-ops` on a host of the site, or deploy with "
    "`./run pyinfra -y inventory.py deploy.py`"
)
# Verbs that only deploys and scripts of the bundle call, also of other versions: not in the help.
INTERNAL = {
    ("config", "redact"),
    *(("release", verb) for verb in ("collect", "suits", "restore", "note")),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    os.environ["PYTHONSAFEPATH"] = "1"  # no child imports from the current directory
    words = sys.argv[1:] if arguments is None else arguments
    with _printable(sys.stdout), _printable(sys.stderr):
        options = _parser(internal=tuple(words[:2]) in INTERNAL).parse_args(words)
        try:
            return _run(options)
        except (
            Exception
        ):  # a defect of the bundle; the traceback is printed without control characters
            traceback.print_exc()
            return 1


def _run(options: argparse.Namespace) -> int:
    engine = Engine(Locations.from_environment())
    failure: int = options.failure
    try:
        status: int = options.run(engine, options)
    except Invalid as error:
        for finding in error.findings:
            print(f"omeroweb-ops: {finding}", file=sys.stderr)
        return 1
    except (ModuleNotFoundError, Unreadable, OSError, ValueError) as error:
        print(f"omeroweb-ops: {_reason(error, engine.locations)}", file=sys.stderr)
        return failure
    except KeyboardInterrupt:
        print("omeroweb-ops: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    return status


@contextmanager
def _printable(stream: TextIO) -> Iterator[None]:
    """Escape control characters in the output, because it may quote another user's file."""
    write = stream.write
    stream.write = lambda text: write(text.translate(_ESCAPES))  # type: ignore[method-assign]
    try:
        yield
    finally:
        del stream.write


def _reason(error: Exception, locations: Locations) -> str:
    """Return in one sentence why a command cannot run."""
    if isinstance(error, (FileNotFoundError, ModuleNotFoundError)) and not locations.is_deployed:
        missing = error.filename if isinstance(error, OSError) else f"Python's {error.name}"
        return f"{NOT_DEPLOYED} ({missing} is missing)"
    if isinstance(error, ModuleNotFoundError):  # a controller's environment has no OMERO.web
        return f"this Python has no {error.name}: run the host's own command, `sudo omeroweb-ops`"
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename!r}"  # without the error number
    return str(error)


def _parser(*, internal: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command line. internal: with the INTERNAL verbs."""
    parser = argparse.ArgumentParser(prog="omeroweb-ops", description=__doc__)
    parser.set_defaults(failure=1)  # the exit status if the command cannot run
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    config.add(commands, internal=internal)
    release.add(commands, internal=internal)

    sessions = commands.add_parser("sessions", help="OMERO.web's sessions").add_subparsers(
        required=True, metavar="COMMAND"
    )
    sessions.add_parser("clear", help="remove expired sessions").set_defaults(run=_clear)
    flush = sessions.add_parser(
        "flush",
        help="remove all sessions, so that everybody logs in again",
        description="Removes all sessions of OMERO.web, which some upgrades need. Other data in "
        "the same cache stays. Exit status: 0 done, 1 an error, 2 not confirmed.",
    )
    flush.add_argument("--yes", action="store_true", help="do not ask")
    flush.set_defaults(run=_flush)

    wait_ready = commands.add_parser("ready", help="wait until OMERO.web answers")
    wait_ready.add_argument("--timeout", type=float, default=60, help="seconds (default: 60)")
    wait_ready.add_argument(
        "--current", action="store_true", help="also wait for the present configuration"
    )
    wait_ready.add_argument(
        "--checks", action="store_true", help="then check the pages of web_checks"
    )
    wait_ready.set_defaults(run=_ready)

    maintenance = commands.add_parser("maintenance", help="planned maintenance: on, off or status")
    maintenance.add_argument("words", nargs=argparse.REMAINDER, help="see --help on NGINX's host")
    maintenance.set_defaults(run=_maintenance)

    doctor = commands.add_parser(
        "doctor",
        help="check the public URL as a visitor, and name the setting to change",
        description="Exit status: 0 no error (there may be warnings), 1 an error, 2 not checked.",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON for programs")
    doctor.add_argument("--url", help="the public URL (default: the deployed one)")
    doctor.add_argument(
        "--connect", metavar="ADDRESS", help="connect to this address instead of the name's"
    )
    doctor.add_argument(
        "--notify", action="store_true", help="report changes by mail or webhook (web_notify)"
    )
    doctor.add_argument("--test", action="store_true", help="with --notify: send a trial message")
    doctor.set_defaults(run=_doctor, failure=2)

    status = commands.add_parser(
        "status",
        help="show the state of OMERO.web, and the warnings, on one screen",
        description="Exit status: 0 OMERO.web is up without warnings, 1 it is up with warnings, "
        "2 it is down.",
    )
    form = status.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for programs")
    form.add_argument(
        "--nagios",
        action="store_true",
        help="print a line for Nagios or Icinga; exit status 3 if the status cannot be read",
    )
    status.set_defaults(run=_status, failure=2)

    support = commands.add_parser(
        "support",
        help="write an archive with status, logs and configuration, without secrets, to post",
    )
    support.add_argument("--output", metavar="FILE", help="a new file (default: in this directory)")
    support.add_argument("--host-files", action="store_true", help=argparse.SUPPRESS)
    support.set_defaults(run=_support)

    updates = commands.add_parser(
        "updates",
        help="report Debian's pending security updates; cron runs this daily for the metrics",
        description="Exit status: 0 none is pending, 1 some are pending.",
    )
    updates.set_defaults(run=_updates)

    views = commands.add_parser(
        "public-views",
        help="which views omero.web.public.url_filter opens to visitors",
        description="Exit status: 0 nothing that must not be, 1 administration or changes of data.",
    )
    public_views.add(views)
    views.set_defaults(run=public_views.run)

    serve = commands.add_parser(
        "serve", help="in an image: configure from the environment and run OMERO.web"
    )
    serve.set_defaults(run=_serve)
    return parser


def _clear(engine: Engine, _options: argparse.Namespace) -> int:
    from .sessions import command

    return command.clear(engine)


def _flush(engine: Engine, options: argparse.Namespace) -> int:
    from .sessions import flush

    return flush.flush(engine, confirmed=options.yes)


def _ready(engine: Engine, options: argparse.Namespace) -> int:
    from . import login_page, site_checks, wait_ready

    problem = wait_ready.wait(engine, options.timeout, current=options.current)
    if problem:
        print(f"omeroweb-ops: OMERO.web is not ready: {problem}", file=sys.stderr)
        return 1
    failed = False
    if options.checks:
        address = login_page.address(engine.effective)
        for failure in site_checks.problems(site_checks.load(engine.locations.checks), address):
            print(f"omeroweb-ops: {failure}", file=sys.stderr)
            failed = True
    return int(failed)


def _maintenance(_engine: Engine, _options: argparse.Namespace) -> int:
    """Report that NGINX is not on this host; otherwise its own script runs instead of this."""
    print(
        "omeroweb-ops: NGINX is not on this host; run `omeroweb-ops maintenance` on each host "
        "that has it",
        file=sys.stderr,
    )
    return 1


def _doctor(engine: Engine, options: argparse.Namespace) -> int:
    if options.notify or options.test:  # the host's command runs as root instead of this
        raise ValueError(
            "doctor --notify is for a host whose inventory has web_notify; run it there as root. "
            "--test needs --notify"
        )
    from .doctor import command

    return command.run(engine, options.url, options.connect, json=options.json)


def _status(engine: Engine, options: argparse.Namespace) -> int:
    places = engine.locations
    missing = not places.is_deployed and not os.path.exists(places.config_xml)
    if options.nagios:
        from .status import command, nagios

        if missing:
            print(nagios.line(nagios.UNKNOWN, NOT_DEPLOYED))
            return nagios.UNKNOWN
        return command.run_nagios(engine)
    if missing:
        raise ValueError(NOT_DEPLOYED)
    from .status import command

    return command.run(engine, json=options.json)


def _support(engine: Engine, options: argparse.Namespace) -> int:
    from .support import command

    return command.run(engine, options.output, host_files=options.host_files)


def _updates(engine: Engine, _options: argparse.Namespace) -> int:
    from .shared import security_updates

    return security_updates.report(engine.locations)


def _serve(engine: Engine, _options: argparse.Namespace) -> int:
    from .container import serve

    return serve.serve(engine)


if __name__ == "__main__":
    sys.exit(main())
