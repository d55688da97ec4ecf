"""What there is to see of an OMERO.web on its own host. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from ..doctor.certificate import Certificate
from ..releases.installed import Release
from ..shared.security_updates import SecurityUpdates

T = TypeVar("T")


@dataclass(frozen=True)
class Unknown:
    """In place of a part that could not be seen: the reason."""

    unknown: str


def try_read(look: Callable[[], T]) -> T | Unknown:
    """What is seen, or why it is not: one broken part leaves the rest of the screen."""
    try:
        return look()
    except Exception as error:  # whatever a broken file or a half-written answer brings
        said = str(error)
        if isinstance(error, OSError) and error.filename:
            said = f"{error.filename}: {error.strerror}"
        return Unknown(" ".join(said.split()) or type(error).__name__)


@dataclass(frozen=True)
class Releases:
    """since: when the one that serves was switched to. seen: when it was last seen to serve.
    damaged: names of those whose files are not all there. host_python: the host's own version."""

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
    """differs: properties that are not as last deployed. by_hand: set, or added to, by hand and
    left. mistakes: why the last deployed state could not be applied now."""

    digest: str
    differs: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workers:
    """present: with the present release and configuration; older: still with others. settled:
    seconds since the present ones came about. up: seconds since gunicorn's master started."""

    present: int
    older: int
    settled: float
    up: float | None


@dataclass(frozen=True)
class Ready:
    """What ops/ready says; servers: "host:port" of each OMERO.server to "ok" or what is wrong."""

    ready: bool
    session_store: str
    servers: Mapping[str, str]


@dataclass(frozen=True)
class Metrics:
    """memory: bytes of each process, shared ones divided (PSS). None: not told."""

    memory: Mapping[str, int]
    sessions: int | None = None
    redis_used: int | None = None
    redis_max: int | None = None


@dataclass(frozen=True)
class SessionClearing:
    """The last clearsessions. removed, kept: None where only the store knows."""

    time: datetime
    removed: int | None
    kept: int | None
    failed: str | None


@dataclass(frozen=True)
class Disk:
    """A file system; bytes."""

    path: str
    free: int
    size: int


@dataclass(frozen=True)
class Maintenance:
    """Planned maintenance. until: as it is told to visitors; "" where no end is known."""

    message: str
    until: str


@dataclass(frozen=True)
class Status:
    """Everything. None: there is none here.

    sessions: where they are: `redis`, `file`, or the engine's own name. configured: when the bundle
    first settled the configuration here. maintenance: False is off, None without NGINX.
    security: None without apt. locked: the date of the lock that the release was made of.
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
    locked: date | None = None
