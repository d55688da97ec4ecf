"""Back up what an installation is, and bring it back on other hosts.

`./run backup` and `./run restore` call these functions with pyinfra. A backup that is not encrypted
is only in memory, and travels between the verb and pyinfra through a file descriptor.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from omeroweb_ops.locations import EARLIER_OMERODIR
from pyinfra import host, logger, state
from pyinfra.api import DeployError, Host

from .. import host_paths
from ..conventions import USER
from ..operations import deploy_lock, omerodir, phases, run_context, users
from ..operations.facts import HostFact
from ..operations.sync import sync
from ..preflight import lock_hosts, use_lock
from ..survey import Survey
from . import archive, contents, host_files, place
from .archive import Backup, HostEntries, Manifest

_ROLES = ("redis", "web", "nginx")


@dataclass(frozen=True)
class _Collected:
    """That the hosts of this run have been backed up."""


@dataclass(frozen=True)
class _Plan:
    """The backup that is restored, and what each host gets of it."""

    backup: Backup
    parts: Mapping[str, place.Part]


def make(descriptor: object, sessions: object = False) -> None:
    """Write the backup of all hosts to a file descriptor. Raises DeployError.

    descriptor: of a file of the process that has started pyinfra. sessions: whether with them.
    """
    surveys = lock_hosts(state)
    context = run_context.of(state)
    if context.get(_Collected) is None:
        context.put(_Collected())
        try:
            _write(int(str(descriptor)), surveys, sessions=str(sessions) == "True")
        finally:
            deploy_lock.of(state).give_back_all(state.inventory.get_active_hosts())


def _write(descriptor: int, surveys: Mapping[str, Survey], *, sessions: bool) -> None:
    hosts, found = [], {}
    lock = deploy_lock.of(state)
    for each in state.inventory.get_active_hosts():
        files = host_files.collect(
            each,
            sessions=sessions,
            _sudo=surveys[each.name].privilege == "sudo",
            _shell_executable=lock.shell(each),
        )
        groups = sorted({*each.groups} & {*_ROLES})
        hosts.append(
            HostEntries(name=each.name, groups=groups, entries=[entry for entry, _ in files])
        )
        found.update({(each.name, entry.path): content for entry, content in files if content})
        size = sum(entry.size for entry, _ in files)
        logger.info(f"    {each.print_prefix}{len(files)} files, {size} bytes")
    if not any(each.entries for each in hosts):
        raise DeployError("no host has anything of an installation; nothing has been written")
    manifest = Manifest(
        id=secrets.token_hex(16),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sessions=sessions,
        hosts=hosts,
    )
    with open(descriptor, "wb", closefd=False) as file:
        file.write(archive.dump(Backup(manifest, found)))


class HostState(HostFact[str]):
    """The id of the backup that is being restored on a host, `installed`, or `empty`."""

    def command(self) -> str:
        former = f"{EARLIER_OMERODIR}/etc/grid/config.xml"
        marks = (contents.CONFIG_XML, former, host_paths.WEB_SERVICE, host_paths.WEB_PROGRAM)
        more = (host_paths.NGINX_SITE, f"{host_paths.REDIS_CONFIGURATION}/omero-web.conf")
        tests = " || ".join(f"[ -e {each} ]" for each in (*marks, *more))
        return (
            f"if [ -s {host_paths.RESTORE} ]; then head -c 32 {host_paths.RESTORE}; echo; "
            f"elif {tests}; then echo installed; else echo empty; fi"
        )

    @staticmethod
    def default() -> str:
        return "no answer"

    def process(self, output: list[str]) -> str:
        return output[-1]


def restore(descriptor: object, replace: object = False) -> None:
    """Write a backup's files to the hosts, before a deploy. Raises DeployError.

    descriptor: of a file with a backup that is not encrypted. replace: whether a host may have an
    installation.
    """
    plan = _planned(int(str(descriptor)), replace=str(replace) == "True")
    use_lock(state, host)
    part = plan.parts[host.name]
    place.begin(name="Begin the restore", backup=plan.backup.manifest.id)
    if "web" in host.groups:
        users.create(name=f"Create user {USER}", uid=None)
        sync(name="Make directories", items=omerodir.directories())
    place.write(name="Write files", part=part)
    if "web" in host.groups:
        place.write_sessions(name="Write sessions", part=part)
    deploy_lock.give_back(name="Unlock the host")


def finish(descriptor: object) -> None:
    """Load the sessions into Redis, and end the restore, after a deploy. Raises DeployError."""
    plan = _planned(int(str(descriptor)), replace=False)
    use_lock(state, host)
    if "redis" in host.groups:
        place.load_keys(name="Load sessions into Redis", part=plan.parts[host.name])
    phases.barrier("End the restore")
    place.end(name="Forget the backup")
    deploy_lock.give_back(name="Unlock the host")


def _planned(descriptor: int, *, replace: bool) -> _Plan:
    """Read the backup and check all hosts, once. Raises DeployError; nothing has been changed."""
    context = run_context.of(state)
    known = context.get(_Plan)
    if known is not None:
        return known
    surveys, hosts = lock_hosts(state), list(state.inventory.get_active_hosts())
    try:
        with open(os.dup(descriptor), "rb") as file:
            file.seek(0)
            backup = archive.load(file.read())
        mistakes = _mistakes(backup, hosts, surveys, replace=replace)
        if mistakes:
            lines = "".join(f"\n    - {each}" for each in mistakes)
            raise DeployError(f"nothing has been changed:{lines}")
    except (archive.Unreadable, DeployError) as error:
        deploy_lock.of(state).give_back_all(hosts)
        raise DeployError(str(error)) from None
    plan = _Plan(backup, {each.name: _part(backup, each, hosts) for each in hosts})
    context.put(plan)
    return plan


def _mistakes(
    backup: Backup, hosts: list[Host], surveys: Mapping[str, Survey], *, replace: bool
) -> list[str]:
    found = [f"{each.name}: this host cannot be reached" for each in state.failed_hosts]
    for each in hosts:
        sudo = surveys[each.name].privilege == "sudo"
        present = each.get_fact(HostState, _sudo=sudo)
        if present not in ("empty", backup.manifest.id) and not replace:
            found.append(f"{each.name}: {_describe(present)}; remove it, or restore with --replace")
    for role in _ROLES:
        wanted = any(role in each.groups for each in hosts)
        if role == "web" and wanted and backup.host(role, "", 0) is None:
            found.append("the backup has no OMERO.web")
    return found


def _describe(present: str) -> str:
    if present == "installed":
        return "there is an installation on this host"
    return "another backup is being restored on this host"


def _part(backup: Backup, target: Host, hosts: list[Host]) -> place.Part:
    """Return what a host gets: the files of each of its roles."""
    entries: dict[str, tuple[archive.Entry, bytes]] = {}
    named = contents.certificates(target.data.dict())
    for role in _ROLES:
        members = [each.name for each in hosts if role in each.groups]
        if target.name not in members:
            continue
        source = backup.host(role, target.name, members.index(target.name))
        for entry in source.entries if source else ():
            if contents.is_restored(entry, (role,), named):
                content = backup.contents.get((source.name, entry.path), b"") if source else b""
                entries[entry.path] = (entry, content)
    return place.Part([*entries.values()])
