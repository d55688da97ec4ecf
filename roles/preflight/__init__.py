"""Check the inventory, then every host, and report all errors before anything is touched."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.lock import RLock
from omeroweb_ops.shared.finding import Finding
from pyinfra import config, logger
from pyinfra.api import DeployError, Host, State
from pyinfra.context import ctx_config, ctx_host

from ..inventory import checks, nginx_lines, tls_files
from ..inventory.member import Member
from ..inventory.site import Site, load
from ..operations import deploy_lock, prefetch_store, progress, run_context
from ..survey import Survey, existing_installation, sudo_password
from ..survey.fact import ask
from ..target import Target
from . import host_certificate, host_checks, inventory_file, nginx_checks

_REPORT_EVERY = 60.0  # seconds of waiting for another deploy
_LOCK = RLock()


@dataclass(frozen=True)
class _Checked:
    """The hosts by name. Kept for the rest of the run."""

    targets: Mapping[str, Target]


@dataclass(frozen=True)
class _Locked:
    """The surveys of hosts that are locked without a deploy. Kept for the rest of the run."""

    surveys: Mapping[str, Survey]


def check(state: State, host: Host) -> Target:
    """Return the checked site, this host's part of it and the host's survey.

    The first call checks all hosts: pyinfra prepares hosts one after another, and an error on the
    last host must also stop the first. Raises DeployError with every error.
    """
    with _LOCK:
        context = run_context.of(state)
        checked = context.get(_Checked)
        if checked is None:
            progress.watch(state)
            checked = _Checked(_check_all(state))
            context.put(checked)
    return checked.targets[host.name]


def _check_all(state: State) -> dict[str, Target]:
    site, findings = load(
        (
            (host.name, frozenset(host.groups), _settings_data(host), _connector_address(host))
            for host in state.inventory
        ),
        inventory_file.directory(),
    )
    findings += checks.errors(site)
    _stop_at(findings, "the inventory")
    for warning in checks.warnings(site):
        logger.warning(f"    {warning}")
    hosts = list(state.inventory.get_active_hosts())
    surveys = _survey_all(state, hosts, partial(_survey, state, site))
    targets = {name: Target(site, site.members[name], each) for name, each in surveys.items()}
    for host in hosts:
        target = targets[host.name]
        findings += [
            Finding(f"{host.name}: {each.subject}", each.message)
            for each in host_checks.errors(target)
        ]
        if "nginx" in target.groups:
            for warning in existing_installation.warnings(
                target.survey.existing,
                tls=target.settings.nginx_tls != "off",
                secure=target.survey.nginx.secure_files,
            ):
                logger.warning(f"    {host.name}: {warning}")
        for found in _certificate_findings(host, target):
            finding = Finding(f"{host.name}: {found.subject}", found.message)
            if found.is_error:
                findings.append(finding)
            else:
                logger.warning(f"    {finding}")
    if findings:
        deploy_lock.of(state).give_back_all(hosts)
    _stop_at(findings, "the hosts")
    for name, target in targets.items():
        for warning in host_checks.warnings(target):
            logger.warning(f"    {name}: {warning}")
        for line in host_checks.upgrade(target):
            logger.warning(f"    {name}: {line}")
    return targets


def lock_hosts(state: State) -> Mapping[str, Survey]:
    """Survey and lock each host without its settings, for a run that does not deploy.

    The inventory may have errors. The first call does this for all hosts.
    """
    with _LOCK:
        context = run_context.of(state)
        known = context.get(_Locked)
        if known is None:
            hosts = list(state.inventory.get_active_hosts())
            known = _Locked(_survey_all(state, hosts, partial(_ask, state)))
            context.put(known)
    findings = [
        Finding(name, f"{survey.lock.sentence}; try again when that has ended")
        for name, survey in known.surveys.items()
        if survey.lock.state not in ("free", "taken")
    ]
    findings += [
        Finding(name, host_checks.NO_PRIVILEGE)
        for name, survey in known.surveys.items()
        if survey.privilege == "none"
    ]
    if findings:
        deploy_lock.of(state).give_back_all(state.inventory.get_active_hosts())
    _stop_at(findings, "the hosts")
    return known.surveys


def use_lock(state: State, host: Host) -> None:
    """Lock each host, as `lock_hosts`, and let the operations that follow run under the lock."""
    survey = lock_hosts(state)[host.name]
    config.SHELL = deploy_lock.of(state).shell(host)
    config.SUDO = survey.privilege == "sudo"


def _survey_all(
    state: State, hosts: list[Host], survey_host: Callable[[Host], Survey]
) -> dict[str, Survey]:
    """Survey each host and, with `-y`, lock it: either all hosts or none.

    A deploy that finds a host locked gives its own locks back before it waits, so that two deploys
    cannot wait for each other.
    """
    lock, end = deploy_lock.of(state), time.monotonic() + deploy_lock.TIMEOUT
    reported, reported_at = "", 0.0
    while True:
        surveys = _survey_each(state, hosts, survey_host)
        states = {host: surveys[host.name].lock.state for host in hosts}
        busy = next((host for host in hosts if states[host] not in ("free", "taken")), None)
        if busy is None or time.monotonic() >= end:
            return surveys
        lock.give_back_all(hosts)
        holder = surveys[busy.name].lock
        message = (
            f"{busy.name}: waiting: {holder.sentence}"
            if holder.state == "alive"
            else f"{busy.name}: waiting for a command of another deploy to end: {holder.sentence}"
        )
        if message != reported or time.monotonic() - reported_at > _REPORT_EVERY:
            logger.warning(f"    {message}")
            reported, reported_at = message, time.monotonic()
        busy.get_fact(deploy_lock.IsFree, _sudo=surveys[busy.name].privilege == "sudo")
        if len(hosts) > 1:
            gevent.sleep(random.uniform(0, 3))  # avoid retrying in step with the other deploy


def _survey_each(
    state: State, hosts: list[Host], survey_host: Callable[[Host], Survey]
) -> dict[str, Survey]:
    """Survey the hosts at the same time, or in turn if pyinfra asks for passwords."""

    def survey(host: Host) -> Survey:
        with ctx_config.use(state.config.copy()), ctx_host.use(host):
            return survey_host(host)

    if any(map(sudo_password.is_wanted, hosts)):
        return {host.name: survey(host) for host in hosts}
    greenlets = {host.name: state.fact_pool.spawn(survey, host) for host in hosts}
    gevent.joinall([*greenlets.values()])
    return {name: greenlet.get() for name, greenlet in greenlets.items()}


def _survey(state: State, site: Site, host: Host) -> Survey:
    member = site.members[host.name]
    ports = tuple(port for port, _program, _setting in site.ports(member))
    names = site.network(member).remote_nginx if "web" in member.groups else ()
    if "nginx" in member.groups or not member.settings.redis_is_local:
        names += site.network(member).remote_web
    names += nginx_checks.names(member)
    front = _included_patterns(site, member)
    survey = _ask(state, host, ports=ports, names=names, front=front)
    prefetch_store.remember(host, survey.prefetched)
    return survey


def _ask(state: State, host: Host, **about: Any) -> Survey:
    """Survey a host and, with `-y`, lock it. about: arguments of `ask`."""
    lock, at_once = deploy_lock.of(state), deploy_lock.is_taken_at_once(state)
    survey = ask(host, lock=lock.take() if at_once else deploy_lock.LOOK, **about)
    if survey.lock.is_gone:  # its deploy has ended: no need to wait
        ended = survey.lock.token
        again = lock.take(ended=ended) if at_once else f"prepare && give_back {ended} && false"
        survey = ask(host, lock=again, **about)
    lock.note(host, survey.lock, sudo=survey.privilege == "sudo")
    return survey


def _included_patterns(site: Site, member: Member) -> tuple[str, ...] | None:
    """Return the patterns of files that the site's own NGINX lines include; None without NGINX."""
    if "nginx" not in member.groups:
        return None
    return nginx_lines.includes(site.application(member).extra_config)


def surveys(state: State) -> Mapping[str, Survey]:
    """Return the survey of each host of this run, without those that `--limit` excludes.

    Raises RuntimeError before `check`.
    """
    checked = run_context.of(state).get(_Checked)
    if checked is None:
        raise RuntimeError("the hosts have not been checked")
    return {name: target.survey for name, target in checked.targets.items()}


def _stop_at(findings: list[Finding], where: str) -> None:
    if findings:
        lines = "".join(f"\n    - {finding}" for finding in findings)
        raise DeployError(
            f"{len(findings)} mistake{'s'[: len(findings) > 1]} in {where}; "
            f"nothing has been changed:{lines}"
        )


def _settings_data(host: Host) -> Mapping[str, Any]:
    """Return the host's data without those of the connector (ssh_user, …) or pyinfra (_sudo)."""
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


def _certificate_findings(host: Host, target: Target) -> Iterator[Finding]:
    """Yield the findings about a certificate that is on the host only."""
    pair = tls_files.in_place(target.member) if "nginx" in target.groups else None
    if pair:
        sudo = target.survey.privilege == "sudo"
        answer = host.get_fact(
            host_certificate.CertificateOnHost,
            certificate=pair.certificate,
            key=pair.key,
            _sudo=sudo,
        )
        yield from tls_files.findings(target.member, answer)
