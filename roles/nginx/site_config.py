"""The configuration of what NGINX serves."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any

from omeroweb_ops.locations import BASE, CURRENT, PREVIOUS
from omeroweb_ops.property_names import (
    NGINX_SERVER_EXTRA_CONFIG,
    STATIC_ROOT,
    STATIC_URL,
    WSGI_TIMEOUT,
)
from omeroweb_ops.state import redaction
from pyinfra.api import StringCommand, operation

from ..conventions import FAIL_TIMEOUT, LOCATIONS, UPSTREAM, has_socket
from ..inventory import tls_files
from ..inventory.site import Member, Site
from ..operations import backup, shell_file
from ..operations.files import File, read_states
from ..survey import Survey
from ..target import Target
from . import maintenance_page, request_policy, static_files
from .templating import PAGES, TEMPLATES, directives

RUN = "/run/omeroweb-ops"  # root's alone, and gone after a boot


def content(target: Target) -> str:
    """The site's configuration, from what OMERO.web's own properties say."""
    web = target.member if "web" in target.groups else target.site.group("web")[0]

    def effective(name: str) -> Any:
        return target.site.effective(web, name)

    static_url = str(effective(STATIC_URL))
    root, folders = _static(target.site, target.member, str(effective(STATIC_ROOT)))
    extra = _lines(effective(NGINX_SERVER_EXTRA_CONFIG))
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
        prefix=target.site.prefix(web),
        # a URL of another server is not for this NGINX
        static_url=static_url if static_url.startswith("/") else None,
        static_root=root,
        static_folders=folders,
        static_pattern=re.escape(static_url.rstrip("/")),
        # gunicorn's 0 is no limit
        timeout=(int(effective(WSGI_TIMEOUT)) or 86400) + 10,
        extra=extra,
        given=directives(extra),
        **request_policy.variables(target),
        pages=PAGES,
        planned=f"{maintenance_page.PLANNED}/planned",
        retry_after=maintenance_page.RETRY_AFTER,
        planned_retry_after=maintenance_page.PLANNED_RETRY_AFTER,
    )


def _static(site: Site, member: Member, configured: str) -> tuple[str, Sequence[str]]:
    """A folder, and where in it the files of the present release and of the one before are."""
    if static_files.needs_delivery(site, member):
        return static_files.DIRECTORY, ("/current", "/previous")
    if configured == str(LOCATIONS.static):
        return str(BASE), [f"/{each.name}/static" for each in (CURRENT, PREVIOUS)]
    return configured, ()


def _upstreams(target: Target) -> list[str]:
    """An OMERO.web on the same host is reached by the socket that systemd holds."""
    local = has_socket(target.groups, target.manager)
    return [
        UPSTREAM if local and web is target.member else address
        for web, address in zip(
            target.site.group("web"), target.site.upstreams(target.member), strict=True
        )
    ]


_ACCEPT = shell_file.read(__file__, "accept_site.sh")
_CONNECTIONS, _OPEN_FILES = 8192, 20_000  # a proxied request takes two, a temporary file a third


@operation()
def write(
    file: File, only_if_new: bool, former: Sequence[str] = ()
) -> Generator[StringCommand, None, None]:
    """Put the file in its place once `nginx -t` accepts it in a copy of the whole configuration.

    A file that it refuses never reaches its place, not for an instant: the running NGINX, and the
    next start of one, keep the old.

    + file: below /etc/nginx
    + only_if_new: leave an existing file alone
    + former: files that it replaces; a copy is kept
    """
    (found,) = read_states((file.path,))
    if not former and (found == file.state or (only_if_new and found != "absent")):
        return
    if former:
        backup.log_backup(former, "replaced by the bundle's own site")
    yield StringCommand(acceptance(file, former), _stdin=file.content)


def acceptance(file: File, former: Sequence[str] = ()) -> str:
    """Shell: the file, on standard input, in its place if NGINX accepts it.

    The configuration that is tried holds links to the files of the real one: no TLS key is copied.
    Of a file that others may not read, NGINX's refusal is shown without what it quotes.
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


def _lines(value: Any) -> list[str]:
    return [str(line) for line in value] if isinstance(value, (list, tuple)) else []


def _has_http2_directive(survey: Survey) -> bool:
    """NGINX 1.25.1 and later warn of `listen … http2`."""
    return survey.id == "debian" and int(survey.version or 0) >= 13
