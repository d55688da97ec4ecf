"""Define the paths of OMERO.web on a host or in an image, each once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

BASE = Path("/opt/omero/web")
OMERODIR = BASE / "OMERO.web"  # as in the Ansible role ome.omero_web
CURRENT = BASE / "venv3"  # a link to the active release; the Ansible role's name
PREVIOUS = BASE / "previous"  # a link to the previous release, whose static files stay readable
RELEASES = BASE / "releases"
SOCKET = Path("/run/omero-web.sock")  # systemd's or supervisor's socket for NGINX on the same host
MAINTENANCE = Path("/usr/local/sbin/omero-web-maintenance")  # exists if NGINX is on this host
PLANNED = Path("/var/lib/omero-web-maintenance")  # the page of a planned maintenance
# Exists from a failed renewal of an ACME certificate until one succeeds; NGINX is on this host.
RENEWAL_FAILURE = Path("/var/lib/omeroweb-ops/certificate-renewal")
# An image's environment variable; the setting web_ready_needs_server does the same on a host.
LIVENESS = "OMEROWEB_OPS_LIVENESS"  # a variable of the service; seconds
READY_NEEDS_SERVER = "OMEROWEB_READY_NEEDS_SERVER"
EARLIER_OMERODIR = BASE / "omero-web"  # as in upstream's walkthrough


@dataclass(frozen=True)
class Locations:
    """The files of one OMERO.web installation.

    OMERODIR is the directory that every OMERO command reads from its environment.
    """

    omerodir: Path
    desired_state: Path

    @classmethod
    def from_environment(cls) -> Locations:
        """Read OMERODIR (default: a directory with a configuration) and OMEROWEB_OPS_DESIRED."""
        omerodir = Path(os.environ.get("OMERODIR") or _found())
        desired = os.environ.get("OMEROWEB_OPS_DESIRED", BASE / "state" / "desired.json")
        return cls(omerodir, Path(desired))

    @property
    def is_deployed(self) -> bool:
        """Whether the bundle has deployed OMERO.web on this machine."""
        return os.path.lexists(CURRENT) or os.path.exists(self.desired_state)

    @property
    def config_xml(self) -> Path:
        return self.omerodir / "etc" / "grid" / "config.xml"

    @property
    def site(self) -> Path:
        """The last deploy's facts about the whole site, for the doctor."""
        return self.desired_state.with_name("site.json")

    @property
    def record(self) -> Path:
        """The properties that the bundle has set, and their values before."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.json"

    @property
    def previous(self) -> Path:
        """The configuration before the last change."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.previous.json"

    @property
    def lock(self) -> Path:
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.lock"

    @property
    def schema(self) -> Path:
        """The cached schema of the site's own apps, or of another release.

        Older releases cache theirs in omeroweb-ops.schema.json: they do not start if that file is
        another release's and they may not write it.
        """
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.schemas.json"

    @property
    def secret(self) -> Path:
        """Names of the properties that have ever come from a secrets file."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.secret.json"

    @property
    def scratch(self) -> Path:
        """The directory for trial copies of the configuration, for the service's user only."""
        return self.omerodir / "var" / "tmp"

    @property
    def tried(self) -> Path:
        """The digest of the release and configuration of the last successful trial."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.tried"

    @property
    def public_login(self) -> Path:
        """The digest of the public user's account that OMERO.server has last let in."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.public-login"

    def kept(self, release: str) -> Path:
        """The snapshot of the configuration with which a release was last active."""
        return self.omerodir / "etc" / "grid" / f"omeroweb-ops.{release}.json"

    @property
    def sessions(self) -> Path:
        return self.omerodir / "var" / "sessions"

    @property
    def static(self) -> Path:
        """The static files of the active release, via its link."""
        return CURRENT / "static"

    @property
    def nginx_status(self) -> Path:
        """Where NGINX on this host has its status page; absent if NGINX is on another host."""
        return self.desired_state.with_name("nginx-status")

    @property
    def checks(self) -> Path:
        """The inventory's web_checks; absent if there are none."""
        return self.desired_state.with_name("checks.json")

    @property
    def proxies(self) -> Path:
        """Addresses of NGINX on other hosts, one in a line; absent if there is none."""
        return self.desired_state.parent / "proxies"

    @property
    def workers(self) -> Path:
        """The directory with a file for each active worker: its release and configuration."""
        return self.omerodir / "var" / "workers"

    @property
    def login_path(self) -> Path:
        """The path of omero.web.login_view, which the workers write at their start."""
        return self.omerodir / "var" / "login-path"

    @property
    def heartbeat(self) -> Path:
        """A file whose mtime is the last report of gunicorn's master, if systemd does not run."""
        return self.omerodir / "var" / "heartbeat"

    @property
    def metrics(self) -> Path:
        """The directory of the workers' counters, which each worker reads."""
        return self.omerodir / "var" / "metrics"

    @property
    def cleared(self) -> Path:
        """The result of the last `sessions clear`, for the metrics; absent before the first."""
        return self.omerodir / "var" / "clearsessions.json"

    @property
    def security_updates(self) -> Path:
        """The result of the last `omeroweb-ops updates`, for the metrics; absent before it."""
        return self.omerodir / "var" / "security-updates.json"

    @property
    def needs_server(self) -> Path:
        """A file that exists if OMERO.web needs its OMERO.server (web_ready_needs_server)."""
        return self.desired_state.with_name("ready-needs-server")

    @property
    def logs(self) -> Path:
        return self.omerodir / "var" / "log"


def _found() -> Path:
    """Return the first known OMERODIR that has a configuration, else the bundle's."""
    known = (OMERODIR, EARLIER_OMERODIR)
    has = [each for each in known if os.path.exists(each / "etc" / "grid" / "config.xml")]
    return has[0] if has else OMERODIR
