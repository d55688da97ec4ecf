"""Takeover of an existing installation of OMERO.web; `roles.survey.existing_installation` finds it.

Its configuration is carried over while it serves, and it ends only once its successor is built and
starts with that configuration. Everything that is replaced is kept aside.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from pathlib import Path

from omeroweb_ops.locations import BASE, CURRENT
from pyinfra import host
from pyinfra.api import operation

from ..conventions import LOCATIONS, USER
from ..operations import backup, omerodir
from ..operations.files import Directory
from ..operations.privilege import run_as_user, with_functions
from ..survey.existing_installation import OUR_GUNICORN_CONF, ExistingInstallation

FORMER = f"{CURRENT}-{Path(backup.DIRECTORY).name}"  # where an earlier virtualenv is kept
# The process of another gunicorn with OMERO.web from BASE. (This very shell names OWN as well.)
_PROCESSES = (
    "theirs() { for p in /proc/[0-9]*; do "
    "c=$(tr '\\0' ' ' 2> /dev/null < $p/cmdline) || continue; case $c in "
    f"*{OUR_GUNICORN_CONF}*) ;; "
    f'*{BASE}/*gunicorn*omeroweb.wsgi*) echo "${{p#/proc/}}" ;; esac; done; }}'
)
_KILL = (
    f"{_PROCESSES}; for signal in TERM KILL; do pids=$(theirs); "
    '[ -z "$pids" ] || kill -$signal $pids 2> /dev/null || true; '
    'for _ in $(seq 200); do [ -n "$(theirs)" ] || break; sleep 0.2; done; done'
)


# Below a directory of another user its owner reads: a link there leads no further than its owner
# may go. What is root's all the way is read by root.
_READ = """
read_as_owner() { # FILE
    owner=$(stat -c %U "${1%/*}")
    set -- cat "$1"
    if [ "$owner" = root ]; then owned_path "$2" || return
    else set -- setsid -w runuser -u "$owner" -- "$@"; fi
    timeout 10 "$@" | head -c 10000000
}
"""


@operation()
def give_files() -> Generator[str, None, None]:
    """What another user's OMERO.web has written below our OMERODIR belongs to ours from now on.

    The files of that user alone; a link is changed itself, and never followed.
    """
    ours = LOCATIONS.omerodir
    yield with_functions(
        f"if [ -L {ours} ]; then exit 0; fi; for each in {ours}/etc/grid {ours}/var; do "
        '[ -d "$each" ] || continue; not_a_link "$each" && not_a_link "${each%/*}" || exit 1; '
        f'owner=$(stat -c %U "$each"); case $owner in root|{USER}) ;; '
        f'*) chown -Rh --from="$owner" {USER}:{USER} "$each" || exit 1 ;; esac; done'
    )


@operation()
def carry_over(found: ExistingInstallation) -> Generator[str, None, None]:
    """config.xml, and the key that signs sessions, stand in our OMERODIR, which is a directory.

    + found: with another OMERODIR, or with a link in the place of ours
    """
    ours = LOCATIONS.omerodir
    source = found.omerodir or str(ours)
    if host.state.is_executing:
        host.log(f"{source}: its configuration is carried over to {ours}; the folder is kept")
    # what the survey looks for comes last: a run killed here is taken up by the next one
    carried = "; ".join(
        f'if [ -s "$source"/{name} ]; then read_as_owner "$source"/{name} | '
        f"( {run_as_user(USER, _carried(f'{ours}/{name}', mode))} ); fi"
        for name, mode in (("var/django_secret_key", 600), ("etc/grid/config.xml", 640))
    )
    made = [
        str(command)
        for each in omerodir.directories()
        if isinstance(each, Directory) and each.run_as == "root" and each.path.startswith(str(ours))
        for command in each.commands()
    ]
    yield with_functions(
        f"{_READ}set -e; source=$(readlink -f {shlex.quote(source)}); "
        f"if [ -L {ours} ]; then {backup.backup_command([str(ours)])}; rm -f {ours}; fi; "
        + "; ".join(f"( {each} )" for each in made)
        + f"; {carried}"
    )


def _carried(path: str, mode: int) -> str:
    """Shell: standard input becomes a file that is not there yet, unless nothing comes."""
    return (
        f"[ ! -e {path} ] || {{ cat > /dev/null; exit 0; }}; umask 077; rm -f {path}.new; "
        f"cat > {path}.new && if [ -s {path}.new ]; then chmod {mode} {path}.new && "
        f"mv -fT {path}.new {path}; else rm -f {path}.new; exit 1; fi"
    )


@operation()
def back_up_commands(paths: Sequence[str]) -> Generator[str, None, None]:
    """Copies of commands that the bundle's are going to replace.

    + paths: of the commands
    """
    backup.log_backup(paths, "replaced by the bundle's own command")
    yield backup.backup_command(paths)


@operation()
def end(found: ExistingInstallation) -> Generator[str, None, None]:
    """It is stopped for good, and what it consists of is out of the way.

    + found: what there is of it
    """
    backup.log_backup(
        [*found.units, *found.scripts], "stopped, and replaced by the bundle's own unit"
    )
    backup.log_backup(found.dropins, "replaced")
    backup.log_backup(found.crons, "its clearsessions is switched off; the bundle has its own")
    backup.log_backup([str(LOCATIONS.config_xml)], "goes on being used")
    if host.state.is_executing and found.virtualenv:
        host.log(f"{CURRENT}: kept as {FORMER}; remove it when you do not want to go back")
    copied = [*found.units, *found.scripts, *found.dropins, *found.crons]
    yield "set -e; " + "; ".join(
        [
            backup.backup_command(copied),
            backup.backup_as_user_command(USER, str(LOCATIONS.config_xml)),
            *map(_unit_ended, found.units),
            *map(_script_ended, found.scripts),
            *(f"rm -rf {shlex.quote(path)}" for path in found.dropins),
            "[ ! -d /run/systemd/system ] || systemctl daemon-reload",
            _KILL,
            run_as_user(USER, f"rm -f {LOCATIONS.omerodir}/var/django.pid"),
            *map(_job_ended, found.crons),
            *([f"mv -T {CURRENT} {FORMER}"] if found.virtualenv else []),
        ]
    )


def _unit_ended(path: str) -> str:
    """By signals alone: its ExecStop calls a command that is the bundle's own by now."""
    name = shlex.quote(Path(path).name)
    override = f"/run/systemd/system/{name}.d"
    return (
        f"if [ -d /run/systemd/system ]; then mkdir -p {override}; "
        f"printf '[Service]\\nExecStop=\\n' > {override}/omeroweb-ops.conf; "
        f"systemctl daemon-reload; systemctl disable -q --now {name} || true; "
        f"rm -rf {override}; fi; rm -f {shlex.quote(path)}"
    )


def _script_ended(path: str) -> str:
    quoted, name = shlex.quote(path), shlex.quote(Path(path).name)
    return (
        f"{{ {quoted} stop; rm -f {quoted}; update-rc.d {name} remove; }} > /dev/null 2>&1 || true"
    )


def _job_ended(path: str) -> str:
    """Tables may have other lines; what lies in cron.daily is a script of this job alone."""
    quoted = shlex.quote(path)
    if path.startswith(("/etc/cron.d/", "/var/spool/")):
        return f"sed -i -E '/^[^#]*omero.*web clearsessions/s/^/# omeroweb-ops: /' {quoted}"
    return f"rm -f {quoted}"
