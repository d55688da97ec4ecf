"""The configuration of what NGINX serves."""

from __future__ import annotations

import re
import shlex
from collections.abc import Generator, Sequence
from typing import Any

from omeroweb_ops.locations import BASE, CURRENT, PREVIOUS
from omeroweb_ops.state import redaction
from pyinfra.api import StringCommand, operation

from .. import backup
from ..items import File, receive, states
from ..site import FAIL_TIMEOUT, LOCATIONS, Member, Site
from ..survey import Survey
from ..web.service import UPSTREAM, has_socket
from . import pages, static_files, tls, visitors
from .rendering import PAGES, TEMPLATES, directives

RUN = "/run/omeroweb-ops"  # root's alone, and gone after a boot


def content(site: Site, member: Member, survey: Survey) -> str:
    """The site's configuration, from what OMERO.web's own properties say."""
    web = member if "web" in member.groups else site.group("web")[0]

    def effective(name: str) -> Any:
        return site.effective(web, name)

    static_url = str(effective("omero.web.static_url"))
    root, folders = _static(site, member, str(effective("omero.web.static_root")))
    extra = _lines(effective("omero.web.nginx_server_extra_config"))
    return TEMPLATES.get_template("site.conf.j2").render(
        settings=member.settings,
        tls=member.settings.nginx_tls != "off",
        certificate=tls.paths(member).certificate,
        key=tls.paths(member).key,
        http2_directive=_has_http2_directive(survey),
        ipv6=survey.ipv6,
        server_name=member.settings.nginx_server_name or "_",
        upstreams=_upstreams(site, member, survey),
        fail_timeout=FAIL_TIMEOUT,
        prefix=site.prefix(web),
        # a URL of another server is not for this NGINX
        static_url=static_url if static_url.startswith("/") else None,
        static_root=root,
        static_folders=folders,
        static_pattern=re.escape(static_url.rstrip("/")),
        # gunicorn's 0 is no limit
        timeout=(int(effective("omero.web.wsgi_timeout")) or 86400) + 10,
        extra=extra,
        given=directives(extra),
        **visitors.variables(site, member, survey),
        pages=PAGES,
        planned=f"{pages.PLANNED}/planned",
        retry_after=pages.RETRY_AFTER,
        planned_retry_after=pages.PLANNED_RETRY_AFTER,
    )


def _static(site: Site, member: Member, configured: str) -> tuple[str, Sequence[str]]:
    """A folder, and where in it the files of the present release and of the one before are."""
    if static_files.are_delivered(site, member):
        return static_files.FOLDER, ("/current", "/previous")
    if configured == str(LOCATIONS.static):
        return str(BASE), [f"/{each.name}/static" for each in (CURRENT, PREVIOUS)]
    return configured, ()


def _upstreams(site: Site, member: Member, survey: Survey) -> list[str]:
    """An OMERO.web on the same host is reached by the socket that systemd holds."""
    local = has_socket(member.groups, survey.manager)
    return [
        UPSTREAM if local and web is member else address
        for web, address in zip(site.group("web"), site.upstreams(member), strict=True)
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
).replace("{0}", visitors.ACCESS_LOG)


@operation()
def accepted(
    file: File, only_if_new: bool, former: Sequence[str] = ()
) -> Generator[StringCommand, None, None]:
    """Put the file in its place once `nginx -t` accepts it in a copy of the whole configuration.

    A file that it refuses never reaches its place, not for an instant: the running NGINX, and the
    next start of one, keep the old.

    + file: below /etc/nginx
    + only_if_new: leave an existing file alone
    + former: files that it replaces; a copy is kept
    """
    (found,) = states((file.path,))
    if not former and (found == file.state or (only_if_new and found != "absent")):
        return
    if former:
        backup.said(former, "replaced by the bundle's own site")
    yield StringCommand(acceptance(file, former), _stdin=file.content)


def acceptance(file: File, former: Sequence[str] = ()) -> str:
    """Shell: the file, on standard input, in its place if NGINX accepts it.

    The configuration that is tried holds links to the files of the real one: no TLS key is copied.
    Of a file that others may not read, NGINX's refusal is shown without what it quotes.
    """
    quoted = f's/".*"/{redaction.MASK}/' if file.mode == "640" else ""
    path = shlex.quote(file.path)
    received = receive('"$copy"', file.content)
    gone = [each for each in former if each != file.path]
    staged = " ".join(f'"$stage"{shlex.quote(each.removeprefix("/etc/nginx"))}' for each in gone)
    return (
        f"mkdir -m 700 -p {RUN} && rm -rf {RUN}/nginx.* && "
        f"stage=$(mktemp -d {RUN}/nginx.XXXXXX) && "
        'trap \'rm -rf "$stage"\' EXIT && cp -as /etc/nginx/. "$stage" && '
        f'main=$(readlink -f {MAIN}) && {{ {_LIMITS} }} > "$stage/main" && '
        f'cp --remove-destination "$stage/main" "$stage/nginx.conf" && {_LOG} && '
        f'copy="$stage"{shlex.quote(file.path.removeprefix("/etc/nginx"))} && '
        f'rm -f "$copy" {staged} && {received} && {backup.kept(former)} && '
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
