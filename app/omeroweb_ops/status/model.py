"""Define the parts of the status of an OMERO.web. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from ..releases.installed import Release
from ..shared.certificate import Certificate
from ..shared.renewal import RenewalFailure
from ..shared.security_updates import SecurityUpdates

T = TypeVar("T")


@dataclass(frozen=True)
class Unknown:
    """The reason why a part of the status is not known."""

    unknown: str


def try_read(look: Callable[[], T]) -> T | Unknown:
    """Return the result of a function, or Unknown with its error, so that other parts are shown."""
    try:
        return look()
    except Exception as error:  # any error of a broken file or an incomplete answer
        message = str(error)
        if isinstance(error, OSError) and error.filename:
            message = f"{error.filename}: {error.strerror}"
        return Unknown(" ".join(message.split()) or type(error).__name__)


@dataclass(frozen=True)
class Releases:
    """The releases of a host.

    serves: the active release. before: the previous release's name. since: when the active release
    was activated. seen: when it was last known good. damaged: names of releases with missing files.
    host_python: the version of the host's own Python.
    """

    serves: Release | None
    before: str | None
    since: datetime | None
    damaged: tuple[str, ...] = ()
    host_python: str | None = None

    @property
    def seen(self) -> datetime | None:
        return self.serves.served if self.serves else None


@dataclass(frozen=True)
class Configuration:
    """The configuration.

    differs: properties that are not as last deployed. by_hand: properties that were set, or added
    to, manually and stay. mistakes: properties that prevent applying the last deployed state again.
    """

    digest: str
    differs: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workers:
    """The numbers of workers.

    present: with the present release and configuration. older: with others. `settled`: seconds
    since release or configuration last changed. up: seconds since gunicorn's master started.
    """

    present: int
    older: int
    settled: float
    up: float | None


@dataclass(frozen=True)
class Ready:
    """The answer of ops/ready. servers: "host:port" of each OMERO.server to "ok" or the error."""

    ready: bool
    session_store: str
    servers: Mapping[str, str]


@dataclass(frozen=True)
class Metrics:
    """The metrics. memory: bytes of each process, shared memory divided (PSS). None: unknown."""

    memory: Mapping[str, int]
    sessions: int | None = None
    redis_used: int | None = None
    redis_max: int | None = None


@dataclass(frozen=True)
class SessionClearing:
    """The last clearsessions. removed, kept: None if only the store knows."""

    time: datetime
    removed: int | None
    kept: int | None
    failed: str | None


@dataclass(frozen=True)
class Disk:
    """A file system, in bytes."""

    path: str
    free: int
    size: int


@dataclass(frozen=True)
class Maintenance:
    """Planned maintenance. until: the end as visitors see it; "" if it is not known."""

    message: str
    until: str


@dataclass(frozen=True)
class Notify:
    """What is reported about this host. silent: why nothing is reported now, or "".

    ran: the last check. problems: the checks that are reported as broken. waiting: the number of
    messages that were not delivered, `since` when, and the last error.
    """

    ran: datetime
    silent: str = ""
    problems: tuple[str, ...] = ()
    waiting: int = 0
    since: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Status:
    """The whole status. None: the host does not have this part.

    sessions: `redis`, `file`, or the engine's name. configured: when the bundle first applied the
    configuration. maintenance: False if off, None without NGINX. security: None without apt.
    locked: the date of the release's lock. renewal: why certbot has not renewed the certificate.
    notify: None if nobody is notified.
    """

    now: datetime
    configured: datetime | None
    ready: Ready | Unknown
    metrics: Metrics | Unknown
    releases: Releases | Unknown
    configuration: Configuration | Unknown
    workers: Workers | Unknown
    sessions: str | Unknown
    cleared: SessionClearing | Unknown | None
    url: str | Unknown | None
    certificate: Certificate | Unknown | None
    disks: tuple[Disk, ...] | Unknown
    maintenance: Maintenance | bool | Unknown | None
    security: SecurityUpdates | Unknown | None = None
    notify: Notify | Unknown | None = None
    locked: date | None = None
    renewal: RenewalFailure | Unknown | None = None
