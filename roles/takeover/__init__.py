"""Take over an existing installation of OMERO.web; `roles.survey.existing_installation` finds it.

The configuration is carried over while the existing installation keeps running. It is stopped only
after its successor is built and has been tried with this configuration. Every replaced file is
backed up.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path

from omeroweb_ops.locations import BASE, CURRENT
from pyinfra import host
from pyinfra.api import operation

from ..conventions import LOCATIONS, USER
from ..operations import backup, omerodir, shell_file
from ..operations.files import Directory
from ..operations.privilege import run_as_user, with_functions
from ..survey.existing_installation import OUR_GUNICORN_CONF, ExistingInstallation

FORMER = f"{CURRENT}-{Path(backup.DIRECTORY).name}"  # the existing installation's virtualenv
_END = shell_file.read(__file__, "end_existing.sh")
_CARRY_OVER = shell_file.read(__file__, "carry_over.sh")
_RECEIVE = shell_file.read(__file__, "receive_file.sh")


@operation()
def give_files() -> Generator[str, None, None]:
    """Give the files that another user's OMERO.web has written below our OMERODIR to our user.

    Only files of that user change. A link changes its own owner and is never followed.
    """
    ours = LOCATIONS.omerodir
    given = " && ".join(
        shlex.join(["give_files", USER, str(path)]) for path in (ours / "etc/grid", ours / "var")
    )
    yield with_functions(f"{_CARRY_OVER}[ -L {ours} ] || {{ {given}; }}")


@operation()
def carry_over(found: ExistingInstallation) -> Generator[str, None, None]:
    """Copy config.xml and the key that signs sessions to our OMERODIR, and make it a directory.

    + found: with another OMERODIR, or with a link in place of ours
    """
    ours = LOCATIONS.omerodir
    source = found.omerodir or str(ours)
    if host.state.is_executing:
        host.log(f"{source}: the configuration is copied to {ours}; the directory is kept")
    # the survey looks for config.xml, so config.xml comes last: the next run resumes a killed run
    made = [
        each.command.text
        for each in omerodir.directories()
        if isinstance(each, Directory) and each.run_as == "root" and each.path.startswith(str(ours))
    ]
    carried = [
        f'carry_over "$source" {shlex.join([str(ours), name, mode, USER, _RECEIVE])}'
        for name, mode in (("var/django_secret_key", "600"), ("etc/grid/config.xml", "640"))
    ]
    lines = [
        "set -e",
        f"source=$(readlink -f {shlex.quote(source)})",
        f"if [ -L {ours} ]; then {backup.backup_command([str(ours)])}; rm -f {ours}; fi",
        *(f"( {each} )" for each in made),
        *carried,
    ]
    yield with_functions(_CARRY_OVER + "\n".join(lines))


@operation()
def back_up_commands(paths: Sequence[str]) -> Generator[str, None, None]:
    """Back up commands that the bundle's commands will replace.

    + paths: of the commands
    """
    backup.log_backup(paths, "replaced by the bundle's own command")
    yield backup.backup_command(paths)


@operation()
def end(found: ExistingInstallation) -> Generator[str, None, None]:
    """Stop the existing installation and remove its units, init scripts and cron jobs.

    + found: the existing installation, of which copies are kept in backup.DIRECTORY
    """
    backup.log_backup(
        [*found.units, *found.scripts], "stopped, and replaced by the bundle's own unit"
    )
    backup.log_backup(found.dropins, "replaced")
    backup.log_backup(found.crons, "its clearsessions is disabled; the bundle has its own")
    backup.log_backup([str(LOCATIONS.config_xml)], "stays in use")
    if host.state.is_executing and found.virtualenv:
        host.log(f"{CURRENT}: kept as {FORMER}; remove it when you no longer want to go back")
    copied = [*found.units, *found.scripts, *found.dropins, *found.crons]
    steps = [
        "set -e",
        backup.backup_command(copied),
        backup.backup_as_user_command(USER, str(LOCATIONS.config_xml)),
        *_calls("end_unit", found.units),
        *_calls("end_init_script", found.scripts),
        *_calls("end_dropin", found.dropins),
        "reload_units",
        shlex.join(["end_processes", str(BASE), OUR_GUNICORN_CONF]),
        run_as_user(USER, f"rm -f {LOCATIONS.omerodir}/var/django.pid"),
        *_calls("end_job", found.crons),
        *([f"mv -T {CURRENT} {FORMER}"] if found.virtualenv else []),
    ]
    yield _END + "\n".join(steps)


def _calls(function: str, paths: Sequence[str]) -> list[str]:
    """Return shell commands that call a function of end_existing.sh for each path."""
    return [shlex.join([function, path]) for path in paths]
