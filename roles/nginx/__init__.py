"""NGINX: the front door, with a maintenance page for when OMERO.web is away."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host

from .. import host_paths
from ..host_paths import NGINX_DROP_IN, NGINX_ENABLED, NGINX_ROTATION, NGINX_SITE, PAGES
from ..inventory import tls_files
from ..operations import deploy_lock, packages, services
from ..operations.files import Absent, Directory, File, Item, sync
from ..operations.phases import role
from ..survey import Survey
from ..target import Target
from . import maintenance_page, request_policy, site_config, static_files, tls

# What other sites of this NGINX may need is left: home directories (logs), /tmp (sockets of their
# applications), /etc/nginx (where some keep a cache), most capabilities.
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
# A sandbox is that of a process's start. NGINX that was installed a moment ago serves nobody; one
# that has sites is not stopped for it.
_READ = (
    f"systemctl daemon-reload; [ -e {NGINX_SITE} ] || "
    f'[ "$(cd /etc/nginx && ls conf.d sites-enabled | tr -d "[:space:]")" != '
    "conf.d:sites-enabled:default ] || systemctl try-restart nginx"
)
# What holds the ports where systemd does not see to it: an upgrade of the package lets the master
# be followed by another one (USR2), which is no child of supervisor's; its workers end by
# themselves. Those of a master that was killed do not.
_END_LEFTOVERS = (
    "m=$(cat /run/nginx.pid 2> /dev/null); "
    "if grep -qs '^nginx: master' /proc/$m/cmdline; then kill -QUIT $m; else "
    "for p in /proc/[0-9]*; do grep -qs '^nginx: worker' $p/cmdline && kill ${p#/proc/}; done; fi"
)


def service() -> services.Service:
    """Debian's own unit under systemd; the same program under supervisor."""
    return services.Service(
        name="nginx",
        command=f"/bin/sh -c \"{_END_LEFTOVERS}; exec /usr/sbin/nginx -g 'daemon off;'\"",
        # a run may have been killed after it removed the default site: what is enabled counts too
        reload_on=f"cat /etc/nginx/nginx.conf {NGINX_SITE} {tls_files.CERTIFICATE}; "
        f"ls {NGINX_ENABLED}",
        trial="nginx -t -q",
        adopts=True,
    )


@role("NGINX")
def install(manager: str) -> None:
    """The packages; nothing of this site. curl asks the public URL at the end of a run."""
    names = (*packages.NGINX, *packages.MANAGERS[manager])
    packages.install(name="Install packages", names=names)


@role("NGINX")
def prepare(target: Target) -> None:
    """Certificates and the maintenance page; the site too where there is none yet.

    A site that is there changes only after OMERO.web has (`configure`), so that no visitor is sent
    to a port that is not bound yet.
    """
    sync(
        name="Write maintenance page",
        items=[
            Directory(PAGES),
            *maintenance_page.items(target),
            *request_policy.pages(target.application.prefix),
            Directory(host_paths.ACME),
            *tls.items(target.member),
            *(_supervised() if target.manager == "supervisor" else _comes_back()),
            *([] if target.survey.existing.default else [Absent(f"{NGINX_ENABLED}/default")]),
        ],
    )
    if target.settings.nginx_tls == "self-signed":
        tls.self_signed(name="Make certificate", names=tls.names(target.member, target.survey))
    if not target.survey.existing.sites:  # which serves until OMERO.web's successor is built
        site_config.write(
            name="Write first site",
            file=_site(target),
            only_if_new=True,
        )


@role("NGINX")
def deliver(target: Target, surveys: Mapping[str, Survey]) -> None:
    """Static files of the release, where OMERO.web is on other hosts.

    surveys: of the hosts in this run; without a web host among them nothing can have changed.
    """
    sources = [web for web in target.site.group("web") if web.name in surveys]
    if static_files.needs_delivery(target) and sources:
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
    """The site, once `nginx -t` has accepted it."""
    file = _site(target)
    site_config.write(name="Write site", file=file, only_if_new=False)
    if "web" not in target.groups:  # which runs it anyway
        services.run(name="Run cron", service=services.cron(), manager=target.manager)


@role("NGINX")
def take_over(target: Target) -> None:
    """The site in place of what served OMERO.web before, in one reload; a copy is kept."""
    file, found = _site(target), target.survey.existing
    former = [*found.sites, *([found.default] if found.default else [])]
    site_config.write(name="Replace site", file=file, only_if_new=False, former=former)


@role("NGINX")
def activate(manager: str) -> None:
    services.run(name="Run nginx", service=service(), manager=manager)


def _comes_back() -> list[Item]:
    """Debian's unit leaves an NGINX that was killed dead, and unrestricted."""
    # read at once: a unit that differs from its files is restarted, where this needs none
    return services.drop_in(NGINX_DROP_IN, *SANDBOX, then=_READ)


def _supervised() -> list[Item]:
    """What systemd's units and timers do elsewhere."""
    return [
        service().program(),
        services.cron().program(),
        # Debian's own rotation does not reach NGINX without an init system. This runs after it.
        File(NGINX_ROTATION, "#!/bin/sh\n/usr/sbin/nginx -s reopen\n", mode="755"),
    ]


def _site(target: Target) -> File:
    content = site_config.content(target)
    return File(NGINX_SITE, content, mode=target.site.mode(content))
