"""Find problems in the status, each with the command or the setting that helps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ..doctor.result import CheckResult
from ..locations import RELEASES
from ..property_names import SERVER_LIST
from ..shared import omero_server
from ..shared.certificate_expiry import EXPIRY_WARNING
from ..shared.redis_memory import Memory
from ..shared.renewal import RenewalFailure
from .model import Status, Unknown

ENDING = 60.0  # seconds for the last requests of workers with another configuration
OVERDUE = timedelta(days=2)  # clearsessions runs daily
LOCK_AGE = timedelta(days=90)  # Django has a security release in most months
LISTS_AGE = timedelta(days=7)  # Debian's apt-daily.timer fetches them each day
NOTIFY_AGE = timedelta(minutes=30)  # six intervals of the timer
MIN_FREE_BYTES = 1_000_000_000  # bytes
MIN_FREE_SHARE = 0.1
_START = "omero web start, or restart if it hangs (both report the log)"


def findings(seen: Status) -> list[CheckResult]:
    """Return all problems. `error`: OMERO.web is down. `warning`: any other."""
    parts = (
        _ready,
        _omero_server,
        _releases,
        _configuration,
        _workers,
        _redis,
        _cleared,
        _certificate,
        _renewal,
        _disks,
        _lock,
        _security,
        _notify,
        _unknown,
    )
    return [finding for judged in parts for finding in judged(seen)]


def status(findings: Sequence[CheckResult]) -> int:
    """Return the exit status: 0 up without warnings, 1 up with warnings, 2 down."""
    return max(({"warning": 1, "error": 2}[each.status] for each in findings), default=0)


def _warning(check: str, message: str, remedy: str) -> CheckResult:
    return CheckResult(check, "warning", message, remedy)


def _ready(seen: Status) -> Iterator[CheckResult]:
    if isinstance(seen.ready, Unknown):
        yield CheckResult("service", "error", seen.ready.unknown, _START)
    elif not seen.ready.ready:
        wrong = "no OMERO.server is reachable"
        if seen.ready.session_store != "ok":
            store = "Redis, the session store" if seen.sessions == "redis" else "the session store"
            wrong = f"{store}: {seen.ready.session_store}"
        yield CheckResult(
            "service", "error", f"not ready for visitors: {wrong}", "omeroweb-ops doctor"
        )


def _omero_server(seen: Status) -> Iterator[CheckResult]:
    if isinstance(seen.ready, Unknown):
        return
    servers = {name: "" if said == "ok" else said for name, said in seen.ready.servers.items()}
    problem = omero_server.no_login(servers)
    if problem and seen.ready.ready:
        yield _warning("OMERO.server", problem, SERVER_LIST)


def _releases(seen: Status) -> Iterator[CheckResult]:
    found = seen.releases
    if isinstance(found, Unknown):
        return
    serves = found.serves
    for name in found.damaged:
        remedy = f"as root, rm {RELEASES}/{name}/complete; deploy if it is still needed"
        if serves and serves.name == name:
            remedy = "deploy, which builds it again"
        yield _warning("release", f"{name} is damaged: files are missing", remedy)
    other = serves and serves.other_python(found.host_python)
    if other:
        yield _warning("release", other, "deploy again")


def _configuration(seen: Status) -> Iterator[CheckResult]:
    found = seen.configuration
    if isinstance(found, Unknown):
        yield _warning("configuration", found.unknown, "repair it and deploy")
        return
    for names, what, remedy in (
        (found.mistakes, "cannot be applied again", "omeroweb-ops config plan"),
        (
            found.differs,
            "not as last deployed",
            "omeroweb-ops config plan; deploy again, or set it in web_config",
        ),
        (
            found.by_hand,
            "set manually",
            "set it in web_config and deploy, or unset it: omero config set NAME",
        ),
    ):
        if names:
            yield _warning("configuration", f"{what}: {', '.join(names)}", remedy)


def _workers(seen: Status) -> Iterator[CheckResult]:
    found = seen.workers
    if isinstance(found, Unknown) or not found.older or found.settled <= ENDING:
        return
    message = f"{found.older} still have another release or configuration"
    yield _warning("workers", message, "omero web restart")


def _redis(seen: Status) -> Iterator[CheckResult]:
    found = seen.metrics
    if isinstance(found, Unknown) or not found.redis_max or found.redis_used is None:
        return
    memory = Memory(found.redis_used, found.redis_max)
    if memory.full:
        yield _warning("sessions", "Redis is full and refuses logins", "redis_maxmemory")
    elif memory.scarce:
        share = memory.used / memory.limit
        message = f"Redis uses {share:.0%} of its memory; when full, it refuses logins"
        yield _warning("sessions", message, "redis_maxmemory")


def _cleared(seen: Status) -> Iterator[CheckResult]:
    last = seen.cleared
    if isinstance(last, Unknown):
        return
    if last is not None and last.failed:
        reason = " ".join(last.failed.split())
        yield _warning("clearsessions", f"failed: {reason}", "omero web clearsessions")
    since = last.time if last else seen.configured
    if seen.sessions == "file" and since is not None and seen.now - since > OVERDUE:
        days = (seen.now - since).days
        message = f"not run for {days} days: expired sessions accumulate"
        yield _warning("clearsessions", message, "omero web clearsessions; does cron run?")


def _renewal(seen: Status) -> Iterator[CheckResult]:
    if isinstance(seen.renewal, RenewalFailure):
        remedy = "as root, /var/log/letsencrypt/letsencrypt.log; docs/acme.md"
        yield _warning("certificate", str(seen.renewal), remedy)


def _certificate(seen: Status) -> Iterator[CheckResult]:
    found = seen.certificate
    if found is None or isinstance(found, Unknown):
        return
    if found.dates:
        yield _warning("certificate", found.dates, "nginx_tls")
    elif found.days is not None and found.days < EXPIRY_WARNING.days:
        yield _warning("certificate", f"expires in {found.days} days; renew it", "nginx_tls")


def _disks(seen: Status) -> Iterator[CheckResult]:
    for disk in () if isinstance(seen.disks, Unknown) else seen.disks:
        if disk.free < max(MIN_FREE_BYTES, MIN_FREE_SHARE * disk.size):
            message = f"the file system of {disk.path} is nearly full"
            yield _warning("disk", message, f"du -xh {disk.path} | sort -h | tail")


def _lock(seen: Status) -> Iterator[CheckResult]:
    if seen.locked is None:
        return
    age = seen.now.date() - seen.locked
    if age > LOCK_AGE:
        message = f"its lock is {age.days} days old, from {seen.locked}"
        yield _warning("release", message, "./run audit; docs/upgrade.md")


def _security(seen: Status) -> Iterator[CheckResult]:
    found = seen.security
    if found is None or isinstance(found, Unknown):
        return
    if found.packages:
        message = f"security updates are pending: {', '.join(found.packages)}"
        yield _warning("updates", message, "as root, apt-get upgrade")
    if found.lists and seen.now - found.lists > LISTS_AGE:
        message = f"apt's package lists are {(seen.now - found.lists).days} days old"
        yield _warning("updates", message, "as root, apt-get update; install unattended-upgrades")


def _notify(seen: Status) -> Iterator[CheckResult]:
    found = seen.notify
    if found is None or isinstance(found, Unknown):
        return
    if found.waiting:
        since = f" since {found.since:%Y-%m-%d %H:%M}" if found.since else ""
        message = f"{found.waiting} not sent{since}: {found.error or 'not tried yet'}"
        yield _warning("notify", message, "as root, omeroweb-ops doctor --notify --test")
    if seen.now - found.ran > NOTIFY_AGE:
        minutes = (seen.now - found.ran) // timedelta(minutes=1)
        message = f"the site was not checked for {minutes} minutes"
        yield _warning("notify", message, "systemctl status omero-web-notify.timer, or cron")


def _unknown(seen: Status) -> Iterator[CheckResult]:
    """Yield a warning for each unknown part that no other check reports and that the host has."""
    parts: dict[str, tuple[object, str]] = {
        "release": (seen.releases, "omeroweb-ops release list, or deploy"),
        "clearsessions": (seen.cleared, "omero web clearsessions writes it again"),
        "public URL": (seen.url, "deploy again"),
        "disk": (seen.disks, "deploy again"),
        "maintenance": (seen.maintenance, "omeroweb-ops maintenance status"),
        "renewal": (seen.renewal, "deploy again"),
        "notify": (seen.notify, "as root, omeroweb-ops doctor --notify"),
        "updates": (seen.security, "apt-get -s upgrade"),
    }
    if not isinstance(seen.ready, Unknown):
        parts["metrics"] = seen.metrics, "OMERO.web's log"
    if not isinstance(seen.configuration, Unknown):  # else for that reason
        parts["workers"] = seen.workers, "omero web restart"
    for name, (found, remedy) in parts.items():
        if isinstance(found, Unknown):
            yield _warning(name, f"not known: {found.unknown}", remedy)
