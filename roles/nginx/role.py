"""Deploy NGINX in front of OMERO.web, with a maintenance page for when OMERO.web is down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pyinfra import host

from .. import host_paths
from ..host_paths import NGINX_DROP_IN, NGINX_ENABLED, NGINX_ROTATION, NGINX_SITE, PAGES
from ..inventory import tls_files
from ..inventory.acme import AcmeCertificate
from ..operations import deploy_lock, known_facts, packages, services
from ..operations.facts import Secret
from ..operations.files import Absent, Directory, File, Item
from ..operations.phases import role
from ..operations.sync import sync
from ..survey import Survey
from ..target import Target
from . import (
    maintenance_page,
    obtain,
    public_site,
    request_policy,
    self_signed,
    site_config,
    static_files,
    tls,
    write_site,
)

# Other sites of this NGINX may need home directories (logs), /tmp (sockets of their applications),
# /etc/nginx (where some keep a cache) and most capabilities, so these are not restricted.
_RESTRICTIONS = (
    *services.RESTRICTIONS,
    "CapabilityBoundingSet=~CAP_AUDIT_CONTROL CAP_BPF CAP_CHECKPOINT_RESTORE CAP_LINUX_IMMUTABLE "
    "CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_PERFMON CAP_SETFCAP CAP_SYS_ADMIN CAP_SYS_BOOT "
    "CAP_SYS_MODULE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_TIME CAP_SYS_TTY_CONFIG "
    "CAP_SYSLOG CAP_WAKE_ALARM",
    "ProtectSystem=full",
    "ReadWritePaths=-/etc/nginx -/usr/share/nginx",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX",
)
SANDBOX = ("LimitNOFILE=65536", *sorted(_RESTRICTIONS))
# A sandbox applies from a process's start on. A newly installed NGINX, which has no sites, is
# restarted for it; an NGINX with sites is not.
_READ = (
    f"systemctl daemon-reload; [ -e {NGINX_SITE} ] || "
    f'[ "$(cd /etc/nginx && ls conf.d sites-enabled | tr -d "[:space:]")" != '
    "conf.d:sites-enabled:default ] || systemctl try-restart nginx"
)
# Ends NGINX processes that supervisor did not start and that use the ports. An upgrade of the
# package starts a successor of the master (USR2), which is not supervisor's child; its workers end
# with it. The workers of a killed master do not end.
_END_LEFTOVERS = (
    "m=$(cat /run/nginx.pid 2> /dev/null); "
    "if grep -qs '^nginx: master' /proc/$m/cmdline; then kill -QUIT $m; else "
    "for p in /proc/[0-9]*; do grep -qs '^nginx: worker' $p/cmdline && kill ${p#/proc/}; done; fi"
)


def service(*, acme: bool = False) -> services.Service:
    """Return NGINX's service: Debian's unit under systemd, the same program under supervisor.

    acme: whether the certificate changes without a deploy, and its own command reloads NGINX.
    """
    certificate = "" if acme else f" {tls_files.CERTIFICATE}"
    return services.Service(
        name="nginx",
        command=f"/bin/sh -c \"{_END_LEFTOVERS}; exec /usr/sbin/nginx -g 'daemon off;'\"",
        # with the enabled sites, because a run may be killed after it has removed the default site
        reload_on=f"cat /etc/nginx/nginx.conf {NGINX_SITE}{certificate}; "
        f"ls {NGINX_ENABLED} 2> /dev/null",
        trial="nginx -t -q",
        adopts=True,
    )


def package_names(target: Target) -> tuple[str, ...]:
    """Return the packages that this role needs on a host. curl is for the smoke test."""
    if "nginx" not in target.groups:
        return ()
    certbot = packages.ACME if _has_acme(target) else ()
    return (*packages.NGINX, *certbot, *packages.MANAGERS[target.manager])


def questions(target: Target) -> Iterator[known_facts.Question[Any]]:
    """Yield the questions of an idle deploy to a host."""
    if "nginx" in target.groups:
        yield services.question(service(acme=_has_acme(target)), target.manager)
        yield services.question(services.cron(), target.manager)


@role("NGINX")
def prepare(target: Target) -> None:
    """Write certificates and the maintenance page, and the site if there is none yet.

    An existing site changes only after OMERO.web (`configure`), so that NGINX never uses a port
    that is not bound yet.
    """
    sync(
        name="Write maintenance page",
        items=[
            Directory(PAGES),
            *maintenance_page.items(target),
            *request_policy.pages(target.application.prefix),
            *public_site.items(target),
            Directory(host_paths.ACME),
            *tls.items(target.member),
            *(_supervised() if target.manager == "supervisor" else _comes_back()),
            *map(_welcome_page, target.survey.nginx.defaults),
        ],
    )
    replacement = tls.replacement(target, datetime.now(UTC))
    if replacement:
        self_signed.replace(name="Replace certificate", command=replacement)
    if not target.survey.existing.sites:  # an existing site stays until its successor is built
        write_site.write(
            name="Write first site",
            file=_site(target),
            only_if_new=True,
            user=target.survey.nginx.user,
        )


@role("NGINX")
def deliver(target: Target, surveys: Mapping[str, Survey]) -> None:
    """Deliver the release's static files, if OMERO.web is on other hosts.

    surveys: of the hosts in this run. Without a web host among them, nothing can have changed.
    """
    sources = [web for web in target.site.group("web") if web.name in surveys]
    if site_config.needs_delivery(target) and sources:
        source = sources[0].name
        static_files.deliver(
            name="Deliver static files",
            source=source,
            privilege=surveys[source].privilege,
            root=target.site.application(sources[0]).static_root,
            shell=deploy_lock.of(host.state).shell(host.state.inventory.get_host(source)),
        )


@role("NGINX")
def configure(target: Target) -> None:
    """Write the site, if `nginx -t` accepts it."""
    file = _site(target)
    write_site.write(name="Write site", file=file, only_if_new=False, user=target.survey.nginx.user)
    if "web" not in target.groups:  # the web role runs cron itself
        services.run(name="Run cron", service=services.cron(), manager=target.manager)


@role("NGINX")
def take_over(target: Target) -> None:
    """Replace the existing installation's sites with the site, in one reload, and back them up."""
    file, found = _site(target), target.survey.existing
    write_site.write(
        name="Replace site",
        file=file,
        only_if_new=False,
        former=[*found.sites],
        user=target.survey.nginx.user,
    )


@role("NGINX")
def activate(target: Target) -> None:
    own = service(acme=_has_acme(target))
    services.run(name="Run nginx", service=own, manager=target.manager)


@role("NGINX")
def certify(target: Target) -> None:
    """Get the certificate of an ACME authority, once the site answers the authority's request."""
    given, key = target.settings.nginx_tls, target.site.eab_key
    if isinstance(given, AcmeCertificate):
        obtain.certificate(
            name="Get certificate",
            member=target.member,
            given=given,
            eab_key=Secret(key) if key else None,
            present=target.survey.certificate.pem,
        )


@role("NGINX")
def report(target: Target) -> None:
    """Fail if there is no certificate of an ACME authority: everything else is deployed by now."""
    if _has_acme(target):
        obtain.report(name="Report certificate")


@role("NGINX")
def clean(target: Target) -> None:
    """What the site has no use for any more, once NGINX has left it."""
    sync(name="Remove former cache", items=public_site.items_without_cache(target))


def _has_acme(target: Target) -> bool:
    return isinstance(target.settings.nginx_tls, AcmeCertificate)


def _welcome_page(path: str) -> Absent:
    """Return the absence of a welcome page, of which a copy stays for `./run remove`."""
    copy = f"{host_paths.DEFAULTS}/{path.removeprefix('/etc/nginx/').replace('/', '+')}"
    return Absent(path, undo=f"mkdir -p {host_paths.DEFAULTS} && cp -a {path} {copy}")


def _comes_back() -> list[Item]:
    """Return a drop-in that restarts a killed NGINX and restricts it, unlike Debian's unit."""
    # read at once, because `services.run` restarts a unit that differs from its files
    return services.drop_in(NGINX_DROP_IN, *SANDBOX, then=_READ)


def _supervised() -> list[Item]:
    """Return supervisor's programs and the rotation, which under systemd are units and timers."""
    return [
        service().program(),
        services.cron().program(),
        # Debian's rotation cannot signal NGINX without an init system. This script runs after it.
        File(NGINX_ROTATION, "#!/bin/sh\n/usr/sbin/nginx -s reopen\n", mode="755"),
    ]


def _site(target: Target) -> File:
    content = site_config.content(target)
    return File(NGINX_SITE, content, mode=target.site.mode(content))
