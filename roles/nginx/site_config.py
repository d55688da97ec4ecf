"""The configuration of what NGINX serves."""

from __future__ import annotations

import re
import shlex
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
from ..operations import backup
from ..operations.files import File, read_states, write_from_stdin
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


MAIN = "/etc/nginx/nginx.conf"
# Debian's 768 connections for each worker are fewer than one visitor with slow ones can hold; a
# number that somebody else wrote stays. `events` may stand in the main file alone.
_CONNECTIONS, _OPEN_FILES = 8192, 20_000  # a proxied request takes two, a temporary file a third
_LIMITS = (
    f"sed -E 's/^([[:space:]]*worker_connections[[:space:]]+)768;/\\1{_CONNECTIONS};/' \"$main\" | "
    "if grep -Eq '^[[:space:]]*worker_rlimit_nofile' \"$main\"; then cat; else "
    f"sed '1i worker_rlimit_nofile {_OPEN_FILES};  # by the OMERO.web bundle'; fi;"
)
# As Debian's logrotate makes it: NGINX itself would make it for everybody to read.
_LOG = (
    "{ [ -e {0} ] || install -m 640 -o www-data -g adm /dev/null {0}; } && "
    "chown www-data:adm {0} && chmod 640 {0}"
).replace("{0}", request_policy.ACCESS_LOG)


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
    quoted = f's/".*"/{redaction.MASK}/' if file.mode == "640" else ""
    path = shlex.quote(file.path)
    received = write_from_stdin('"$copy"', file.content)
    gone = [each for each in former if each != file.path]
    staged = " ".join(f'"$stage"{shlex.quote(each.removeprefix("/etc/nginx"))}' for each in gone)
    return (
        f"mkdir -m 700 -p {RUN} && rm -rf {RUN}/nginx.* && "
        f"stage=$(mktemp -d {RUN}/nginx.XXXXXX) && "
        'trap \'rm -rf "$stage"\' EXIT && cp -as /etc/nginx/. "$stage" && '
        f'main=$(readlink -f {MAIN}) && {{ {_LIMITS} }} > "$stage/main" && '
        f'cp --remove-destination "$stage/main" "$stage/nginx.conf" && {_LOG} && '
        f'copy="$stage"{shlex.quote(file.path.removeprefix("/etc/nginx"))} && '
        f'rm -f "$copy" {staged} && {received} && {backup.backup_command(former)} && '
        # /etc/nginx is also named in the main file's includes
        'sed -i "s#/etc/nginx/\\(conf.d\\|sites-enabled\\|modules-enabled\\)#$stage/\\1#" '
        '"$stage/nginx.conf" && '
        '{ s=0; nginx -t -q -c "$stage/nginx.conf" 2> "$stage/said" || s=$?; '
        f'sed {shlex.quote(quoted)} "$stage/said" >&2; [ "$s" = 0 ]; }} && '
        '{ cmp -s "$stage/main" "$main" || { cp -p "$main" "$main.new" && '
        'cat "$stage/main" > "$main.new" && sync "$main.new" && '
        'mv -fT "$main.new" "$main"; }; } && '
        f'chown {file.owner} "$copy" && chmod {file.mode} "$copy" && '
        f'cp -p "$copy" {path}.new && sync {path}.new && mv -fT {path}.new {path} && '
        f"rm -f {' '.join(map(shlex.quote, gone))}"
    )


def _lines(value: Any) -> list[str]:
    return [str(line) for line in value] if isinstance(value, (list, tuple)) else []


def _has_http2_directive(survey: Survey) -> bool:
    """NGINX 1.25.1 and later warn of `listen … http2`."""
    return survey.id == "debian" and int(survey.version or 0) >= 13
