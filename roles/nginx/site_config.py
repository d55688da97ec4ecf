"""Generate and write NGINX's configuration of the site."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

from omeroweb_ops.locations import BASE, CURRENT, PREVIOUS
from omeroweb_ops.state import redaction
from pyinfra.api import StringCommand, operation

from .. import host_paths
from ..conventions import FAIL_TIMEOUT, LOCATIONS, UPSTREAM, has_socket
from ..host_paths import PAGES, RUN
from ..inventory import tls_files
from ..operations import backup, shell_file
from ..operations.files import File, read_states
from ..survey import Survey
from ..target import Target
from . import maintenance_page, public_site, request_policy, static_files
from .templating import TEMPLATES, directives


def content(target: Target) -> str:
    """Return the site's configuration, which follows OMERO.web's properties."""
    application = target.application
    root, folders = _static(target)
    return TEMPLATES.get_template("site.conf.j2").render(
        settings=target.settings,
        tls=target.settings.nginx_tls != "off",
        certificate=tls_files.paths(target.member).certificate,
        key=tls_files.paths(target.member).key,
        http2_directive=_has_http2_directive(target.survey),
        ipv6=target.survey.ipv6,
        server_name=target.settings.nginx_server_name or "_",
        upstreams=_upstreams(target),
        fail_timeout=FAIL_TIMEOUT,
        prefix=application.prefix,
        static_url=application.static_url if application.nginx_serves_static else None,
        static_root=root,
        static_folders=folders,
        static_pattern=re.escape(application.static_url.rstrip("/")),
        timeout=application.timeout + 10,
        extra=application.extra_config,
        given=directives(application.extra_config),
        **request_policy.variables(target),
        **public_site.variables(target),
        pages=PAGES,
        planned=f"{maintenance_page.PLANNED}/planned",
        retry_after=maintenance_page.RETRY_AFTER,
        planned_retry_after=maintenance_page.PLANNED_RETRY_AFTER,
    )


def _static(target: Target) -> tuple[str, Sequence[str]]:
    """Return a directory, and its subdirectories with the active and previous static files."""
    if static_files.needs_delivery(target):
        return host_paths.STATIC_FILES, ("/current", "/previous")
    if target.application.static_root == str(LOCATIONS.static):
        return str(BASE), [f"/{each.name}/static" for each in (CURRENT, PREVIOUS)]
    return target.application.static_root, ()


def _upstreams(target: Target) -> list[str]:
    """Return NGINX's upstreams. OMERO.web on the same host has systemd's socket."""
    local = has_socket(target.groups, target.manager)
    return [
        UPSTREAM if local and name == target.member.name else address
        for name, address in target.network.upstreams.items()
    ]


_ACCEPT = shell_file.read(__file__, "accept_site.sh")
_CONNECTIONS, _OPEN_FILES = 8192, 20_000  # a proxied request takes two, a temporary file a third


@operation()
def write(
    file: File, only_if_new: bool, former: Sequence[str] = ()
) -> Generator[StringCommand, None, None]:
    """Write the site, if `nginx -t` accepts it in a copy of the whole configuration.

    A refused file never reaches its path: the running NGINX, also after a restart, keeps the old
    file.

    + file: below /etc/nginx
    + only_if_new: do not change an existing file
    + former: files that the site replaces, which are backed up
    """
    (found,) = read_states((file.path,))
    if not former and (found == file.state or (only_if_new and found != "absent")):
        return
    if former:
        backup.log_backup(former, "replaced by the bundle's own site")
    yield StringCommand(acceptance(file, former), _stdin=file.content)


def acceptance(file: File, former: Sequence[str] = ()) -> str:
    """Return shell that reads a file from standard input and writes it, if NGINX accepts it.

    The tried configuration has links to the real files, so that no TLS key is copied. If others may
    not read the file, quotes in NGINX's errors are masked.
    """
    return shell_file.command(
        _ACCEPT,
        file.path,
        len(file.content.encode()),
        file.owner,
        file.mode,
        *(each for each in former if each != file.path),
        run=RUN,
        access_log=request_policy.ACCESS_LOG,
        connections=_CONNECTIONS,
        open_files=_OPEN_FILES,
        back_up=backup.backup_command(former),
        mask=f's/".*"/{redaction.MASK}/' if file.mode == "640" else "",
    )


def _has_http2_directive(survey: Survey) -> bool:
    """Return whether NGINX is 1.25.1 or later, which warns of `listen … http2`."""
    return survey.id == "debian" and int(survey.version or 0) >= 13
