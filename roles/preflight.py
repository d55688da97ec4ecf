"""Before anything is touched: the inventory as a whole, then every host, all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from gevent.lock import RLock
from omeroweb_ops.state.checks import Found
from omeroweb_ops.state.desired import Finding
from pyinfra import logger
from pyinfra.api import DeployError, Host, State

from . import earlier, mistakes, redis_in_use, told
from .nginx import held, tls
from .site import PORT, Member, Site, load
from .survey import PATIENCE, AtRest, HostSurvey, Survey

_NEEDED_KILOBYTES = 1_500_000  # a release with its cache, twice while it is replaced
_LOCK = RLock()
_CHECKED: WeakKeyDictionary[State, tuple[Site, dict[str, Survey]]] = WeakKeyDictionary()


def check(state: State, host: Host) -> tuple[Site, Member, Survey]:
    """The checked site, this host's part in it and what the host said of itself.

    Raises DeployError that names every mistake. The first host to come asks for all: pyinfra
    prepares hosts one after another, and an error of the last must stop the first as well.
    """
    with _LOCK:
        if state not in _CHECKED:
            _CHECKED[state] = _check_all(state)
    site, surveys = _CHECKED[state]
    return site, site.members[host.name], surveys[host.name]


def _check_all(state: State) -> tuple[Site, dict[str, Survey]]:
    site, findings = load(
        (host.name, frozenset(host.groups), _settings_data(host), _connector_address(host))
        for host in state.inventory
    )
    findings += mistakes.find(site)
    _stop_at(findings, "the inventory")
    for warning in mistakes.warnings(site):
        logger.warning(f"    {warning}")
    surveys = {}
    for host in state.inventory.get_active_hosts():
        member = site.members[host.name]
        survey = surveys[host.name] = _survey(site, member, host)
        findings += [
            Finding(f"{host.name}: {each.name}", each.message)
            for each in _host_findings(site, member, survey)
        ]
        if "nginx" in member.groups:
            for warning in earlier.warnings(survey.earlier, tls=member.settings.nginx_tls != "off"):
                logger.warning(f"    {host.name}: {warning}")
        for found in _certificate_findings(host, member, survey):
            finding = Finding(f"{host.name}: {found.name}", found.message)
            if found.error:
                findings.append(finding)
            else:
                logger.warning(f"    {finding}")
    _stop_at(findings, "the hosts")
    for name, survey in surveys.items():
        for warning in _doubts(site, site.members[name], survey):
            logger.warning(f"    {name}: {warning}")
    # Without this pyinfra goes on with the web hosts when Redis could not be set up.
    state.config.FAIL_PERCENT = 0
    return site, surveys


def _survey(site: Site, member: Member, host: Host) -> Survey:
    ports = tuple(port for port, _program, _setting in site.ports(member))
    names = tuple(site.fronts(member)) if "web" in member.groups else ()
    if "redis" in member.groups and not member.settings.redis_is_local:
        names += tuple(site.redis_clients(member))
    survey = host.get_fact(HostSurvey, ports=ports, names=names)
    if survey.busy:
        logger.warning(f"    {host.name}: waiting for the end of what another deploy began there")
        if host.get_fact(AtRest, _sudo=survey.privilege == "sudo"):
            survey = host.get_fact(HostSurvey, ports=ports, names=names)
    told.hold(host, survey.told)
    return survey


def surveys(state: State) -> Mapping[str, Survey]:
    """What each host of this run said of itself; `--limit` leaves hosts out. After `check`."""
    return _CHECKED[state][1]


def _stop_at(findings: list[Finding], where: str) -> None:
    if findings:
        lines = "".join(f"\n    - {finding}" for finding in findings)
        raise DeployError(
            f"{len(findings)} mistake{'s'[: len(findings) > 1]} in {where}; "
            f"nothing has been changed:{lines}"
        )


def _settings_data(host: Host) -> Mapping[str, Any]:
    """The host's data without what belongs to the connector (ssh_user, …) or pyinfra (_sudo)."""
    connector = set(getattr(host.connector_cls, "data_meta", {}))
    connector |= {"docker_identifier"}
    return {
        key: value
        for key, value in host.data.dict().items()
        if key not in connector and not key.startswith(("_", "ssh_"))
    }


def _connector_address(host: Host) -> str | None:
    if host.name.startswith("@"):
        return None
    return host.data.dict().get("ssh_hostname") or host.name


def _certificate_findings(host: Host, member: Member, survey: Survey) -> Iterator[Found]:
    """About a certificate that the host keeps itself."""
    pair = tls.in_place(member) if "nginx" in member.groups else None
    if pair:
        sudo = survey.privilege == "sudo"
        answer = host.get_fact(held.Held, certificate=pair.certificate, key=pair.key, _sudo=sudo)
        yield from held.findings(member, answer)


def _host_findings(site: Site, member: Member, survey: Survey) -> Iterator[Finding]:
    if not survey.is_debian:
        yield Finding(
            "system", f"{survey.id or 'unknown'} is neither Debian nor Ubuntu; use one of them"
        )
    if survey.busy:
        yield Finding(
            "deploy",
            f"what another deploy began is not at its end after {PATIENCE // 60} minutes; "
            "see `ps` there, and deploy again",
        )
    if survey.privilege == "none":
        yield Finding(
            "privilege",
            "neither root nor able to use sudo without a password; connect as root, or add "
            "a line like 'admin ALL=(ALL) NOPASSWD: ALL' to a file in /etc/sudoers.d",
        )
    if "nginx" in member.groups:
        yield from earlier.findings(survey.earlier)
    if "web" in member.groups and survey.free < _NEEDED_KILOBYTES:
        yield Finding(
            "disk",
            f"only {survey.free // 1024} MB free for /opt/omero/web; "
            f"make at least {_NEEDED_KILOBYTES // 1024} MB free",
        )
    if "web" in member.groups:
        for name in site.fronts(member):
            if name not in survey.addresses:
                yield Finding(
                    "address",
                    f"{name}, the address of an NGINX, cannot be resolved here; "
                    "write that host's IP address as its address",
                )
    if "redis" in member.groups:
        yield from redis_in_use.findings(member.settings, survey.redis)
        for name in () if member.settings.redis_is_local else site.redis_clients(member):
            if name not in survey.addresses:
                yield Finding(
                    "address",
                    f"{name}, the address of an OMERO.web, cannot be resolved here; "
                    "write that host's IP address as its address",
                )
    for port, program, setting in site.ports(member):
        holder = survey.listeners.get(port)
        if holder is not None and program not in holder:
            yield Finding(
                setting,
                f"port {port} is held by {holder or 'a program that cannot be seen from here'}; "
                f"stop it, or write another port in {setting}",
            )


def _doubts(site: Site, member: Member, survey: Survey) -> Iterator[Finding]:
    if "web" in member.groups and site.front_elsewhere(member) and not survey.nft:
        yield Finding(
            PORT,
            f"port {site.effective(member, PORT)} is open to every host; install nftables and "
            "deploy again, or allow NGINX alone in a firewall of your own",
        )
    if "redis" in member.groups and not member.settings.redis_is_local and not survey.nft:
        yield Finding(
            "redis_bind",
            f"port {member.settings.redis_tcp_port} is open to every host; install nftables and "
            "deploy again, or allow the web hosts alone in a firewall of your own",
        )
