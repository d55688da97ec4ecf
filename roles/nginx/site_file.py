"""What NGINX serves: the site's configuration and its maintenance page."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand, operation

from ..items import File, PathStates, receive
from ..site import Member, Site
from ..survey import Survey
from . import tls, visitors
from .rendering import PAGES, TEMPLATES, directives

RETRY_AFTER = 30  # seconds


def content(site: Site, member: Member, survey: Survey) -> str:
    """The site's configuration, from what OMERO.web's own properties say."""
    web = site.group("web")[0]

    def effective(name: str) -> Any:
        return site.effective(web, name)

    static_url = str(effective("omero.web.static_url"))
    extra = _lines(effective("omero.web.nginx_server_extra_config"))
    return TEMPLATES.get_template("site.conf.j2").render(
        settings=member.settings,
        tls=member.settings.nginx_tls != "off",
        certificate=tls.paths(member).certificate,
        key=tls.paths(member).key,
        http2_directive=_has_http2_directive(survey),
        ipv6=survey.ipv6,
        server_name=member.settings.nginx_server_name or "_",
        upstreams=site.upstreams(member),
        prefix=site.prefix(web),
        # a URL of another server is not for this NGINX; without the files it is OMERO.web's own
        static_url=static_url if static_url.startswith("/") and web is member else None,
        static_root=str(effective("omero.web.static_root")),
        # gunicorn's 0 is no limit
        timeout=(int(effective("omero.web.wsgi_timeout")) or 86400) + 10,
        extra=extra,
        given=directives(extra),
        **visitors.variables(site, member),
        pages=PAGES,
        retry_after=RETRY_AFTER,
    )


def pages(site: Site, member: Member) -> list[File]:
    """The maintenance page, for people and for programs."""
    web = site.group("web")[0]
    return [
        File(
            f"{PAGES}/maintenance.{kind}",
            TEMPLATES.get_template(f"maintenance.{kind}.j2")
            .render(
                prefix=site.prefix(web),
                retry_after=RETRY_AFTER,
                message=None,
                expected_end=None,
                contact=None,
            )
            .rstrip("\n")
            + "\n",
        )
        for kind in ("html", "json")
    ]


@operation()
def tested(file: File, only_if_new: bool) -> Generator[StringCommand, None, None]:
    """Put the file in its place once `nginx -t` accepts it in a copy of the whole configuration.

    A file that it refuses never reaches its place, not for an instant: the running NGINX, and the
    next start of one, keep the old.

    + file: below /etc/nginx
    + only_if_new: leave an existing file alone
    """
    (found,) = host.get_fact(PathStates, paths=(file.path,)) or ["absent"]
    if found == file.state or (only_if_new and found != "absent"):
        return
    path = shlex.quote(file.path)
    received = receive('"$copy"', file.content)
    yield StringCommand(
        'stage=$(mktemp -d) && trap \'rm -rf "$stage"\' EXIT && cp -a /etc/nginx/. "$stage" && '
        f'copy="$stage"{shlex.quote(file.path.removeprefix("/etc/nginx"))} && '
        f"{received} && "
        # /etc/nginx is also named in the main file's includes
        'sed -i "s#/etc/nginx/\\(conf.d\\|sites-enabled\\|modules-enabled\\)#$stage/\\1#" '
        '"$stage/nginx.conf" && nginx -t -q -c "$stage/nginx.conf" && '
        f'chown {file.owner} "$copy" && chmod {file.mode} "$copy" && '
        f'cp -p "$copy" {path}.new && mv -fT {path}.new {path}',
        _stdin=file.content,
    )


def _lines(value: Any) -> list[str]:
    return [str(line) for line in value] if isinstance(value, (list, tuple)) else []


def _has_http2_directive(survey: Survey) -> bool:
    """NGINX 1.25.1 and later warn of `listen … http2`."""
    return survey.id == "debian" and int(survey.version or 0) >= 13
