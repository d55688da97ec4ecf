"""The nginx image's command: write the site that a host has, from variables, and become NGINX.

`python3 -m roles.nginx.container`. Every error in the variables is printed, and nothing starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from omeroweb_ops import property_names
from omeroweb_ops.container import environment as properties
from omeroweb_ops.container import omero_files, secret_files
from omeroweb_ops.locations import BASE
from omeroweb_ops.shared.addresses import parse
from omeroweb_ops.shared.finding import Finding

from ..host_paths import CONTAINER_RUN, NGINX_SITE, NGINX_TLS, PAGES
from ..inventory import checks, environment, tls_files
from ..inventory.acme import AcmeCertificate
from ..inventory.member import Member
from ..inventory.settings import Certificate, Settings
from ..inventory.site import SCHEMA, Site
from ..operations import container_files
from ..operations.files import Absent, File
from ..survey import Survey
from ..target import Target
from . import maintenance_page, public_site, request_policy, site_config, tls
from .templating import TEMPLATES

FIELDS = tuple(name for name in Settings.model_fields if name.startswith("nginx_"))
UPSTREAM, RESOLVER = "NGINX_UPSTREAM", "NGINX_RESOLVER"
CORS_LOGIN = "web_cors_login"  # OMERO.web's, but the session cookie follows from it
VARIABLES = (*environment.names(FIELDS), UPSTREAM, RESOLVER)
# OMERO.web's properties that NGINX follows. The web container reports the errors in all others.
PROPERTIES = (
    property_names.ALLOWED_HOSTS,
    property_names.CORS_ORIGIN_WHITELIST,
    property_names.NGINX_SERVER_EXTRA_CONFIG,
    property_names.PORT,
    property_names.PREFIX,
    property_names.PUBLIC_ENABLED,
    property_names.SESSION_COOKIE_NAME,
    property_names.SESSION_COOKIE_SAMESITE,
    property_names.STATIC_URL,
    property_names.WSGI_TIMEOUT,
)
_OF_PROPERTIES = tuple(map(properties.encode, PROPERTIES))  # their variables
MAIN = f"{CONTAINER_RUN}/nginx.conf"
TEMPORARY = "/var/lib/nginx"  # of large bodies and answers, on disk
SHUTDOWN_TIMEOUT = 30  # seconds for running requests, when the container stops
_NAME = "@local"  # the NGINX's host is this machine
_OMERO_FILES = BASE / "config"
_NAME_SERVERS = Path("/etc/resolv.conf")


def site(variables: Mapping[str, str], files: Mapping[str, str]) -> tuple[Site, list[Finding]]:
    """Return the site of three containers, and every error in what NGINX needs of it.

    files: `*.omero` files, name to content.
    """
    nginx, wrong = environment.settings(variables, FIELDS)
    web, wrong_web = environment.settings(variables, [CORS_LOGIN])
    own = {name: variables[name] for name in _OF_PROPERTIES if name in variables}
    whole, wrong_properties = properties.read(own, files, SCHEMA)
    explicit = whole.select(PROPERTIES.__contains__)
    needed = {*_OF_PROPERTIES, *PROPERTIES}
    web = web.model_copy(
        update={
            "web_config": explicit.set,
            "web_config_append": explicit.append,
            "web_config_remove": explicit.remove,
        }
    )
    members = {
        "web": Member("web", frozenset({"web"}), web, variables.get(UPSTREAM) or "web"),
        _NAME: Member(_NAME, frozenset({"nginx"}), nginx, "localhost"),
    }
    found = Site(members, {})
    findings = [
        *environment.unknown(variables, "NGINX_", VARIABLES),
        *wrong,
        *wrong_web,
        *(each for each in wrong_properties if each.is_error and each.subject in needed),
    ]
    if not findings:
        findings += _together(found)
    return found, findings


def _together(found: Site) -> Iterator[Finding]:
    """Find errors in several settings together, and in the certificate."""
    _texts, mistakes = found.resolved(found.members["web"])
    yield from mistakes
    own = f"{_NAME}: "
    for each in checks.errors(found):
        if each.subject.startswith(f"{own}nginx_"):
            yield Finding(each.subject.removeprefix(own).upper(), each.message)
    nginx = found.members[_NAME]
    given = nginx.settings.nginx_tls
    if isinstance(given, AcmeCertificate):
        yield Finding(
            "NGINX_TLS",
            "a container gets no certificate by ACME; mount the files that certbot, or another "
            "client, renews, and set NGINX_TLS_CERTIFICATE and NGINX_TLS_KEY (docs/acme.md)",
        )
    if isinstance(given, Certificate):
        for path in (given.certificate, given.key):
            if not os.access(path, os.R_OK):
                user = f"uid {os.geteuid()}, gid {os.getegid()}"
                yield Finding("NGINX_TLS", f"{path} cannot be read by {user}; mount the file")
                return
        # as files of this machine, their content is checked
        local = Member("nginx", nginx.groups, nginx.settings, nginx.address)
        for each in tls_files.findings(local):
            if each.is_error:
                yield Finding("NGINX_TLS", each.message)


def items(target: Target, container: site_config.Container) -> list[File | Absent]:
    """Return the files of the site, as on a host, and NGINX's main file."""
    main = TEMPLATES.get_template("container.conf.j2").render(
        connections=site_config.CONNECTIONS,
        open_files=site_config.OPEN_FILES,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
        run=CONTAINER_RUN,
        temporary=TEMPORARY,
        site=NGINX_SITE,
    )
    robots = [
        each
        for each in public_site.items(target)
        if isinstance(each, (File, Absent)) and each.path.startswith(f"{PAGES}/")
    ]
    return [
        *maintenance_page.pages(target),
        *request_policy.pages(target.application.prefix),
        *robots,
        File(NGINX_SITE, site_config.content(target, container)),
        File(MAIN, main),
    ]


def _certificate(target: Target) -> str:
    """Return shell that makes a self-signed certificate, unless there is one that lasts."""
    names = tls.names(target.member, target.survey)
    own = tls_files.CERTIFICATE
    return (
        f"mkdir -p $(readlink -m {NGINX_TLS}); {tls.lasts(own)} || {{ {tls.self_signed(names)}; }}"
    )


def name_servers(text: str) -> tuple[str, ...]:
    """Return the IP addresses of name servers in a resolv.conf(5).

    NGINX does not take an address with a zone (fe80::1%eth0).
    """
    lines = [line.split() for line in text.splitlines()]
    servers = [words[1] for words in lines if words[:1] == ["nameserver"] and words[1:]]
    return tuple(server for server in servers if "%" not in server)


def resolvers(given: str | None, resolv_conf: str) -> tuple[tuple[str, ...], list[Finding]]:
    """Return the name servers that NGINX asks, and an error if one is not an IP address.

    NGINX asks its servers in turn, and resolv.conf has the others for when the first fails. So
    NGINX gets only the first of them.
    """
    known = tuple((given or "").replace(",", " ").split()) or name_servers(resolv_conf)[:1]
    if known and all(map(parse, known)):
        return known, []
    return (), [Finding(RESOLVER, "must be the IP address of a name server")]


def main() -> int:
    """Write the files and become NGINX. Returns 1 with every error on standard error."""
    files, unread = omero_files.read(_OMERO_FILES)
    is_own = {*VARIABLES, CORS_LOGIN.upper(), *_OF_PROPERTIES}
    values, _from_files, wrong = secret_files.read(
        os.environ, lambda name: name in is_own, lambda _name: True
    )
    found, findings = site(values, files)
    known, unusable = resolvers(values.get(RESOLVER), _NAME_SERVERS.read_text("utf-8", "replace"))
    findings = [*unread, *wrong, *findings, *unusable]
    if findings:
        print(*(f"omeroweb-ops: {each}" for each in findings), sep="\n", file=sys.stderr)
        return 1
    os.umask(container_files.UMASK)
    survey = Survey(**container_files.system(), ipv6=os.path.exists("/proc/net/if_inet6"))
    target = Target(found, found.members[_NAME], survey)
    container = site_config.Container(values.get(UPSTREAM) or "web", known)
    container_files.write(items(target, container))
    if target.settings.nginx_tls == "self-signed":
        done = subprocess.run(["/bin/sh", "-c", _certificate(target)], check=False)
        if done.returncode:
            print("omeroweb-ops: NGINX_TLS: the certificate cannot be made", file=sys.stderr)
            return 1
    sys.stdout.flush()
    os.execv("/usr/sbin/nginx", ["nginx", "-c", MAIN, "-e", "stderr"])


if __name__ == "__main__":
    sys.exit(main())
