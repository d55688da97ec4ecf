"""Where things are on a host or in an image; one place for every path inside OMERODIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

BASE = Path("/opt/omero/web")
OMERODIR = BASE / "OMERO.web"  # of the bundle, and of the Ansible role ome.omero_web
CURRENT = BASE / "venv3"  # a link to the release that serves; the Ansible role's name for it
PREVIOUS = BASE / "previous"  # a link to the release before, whose static files stay readable
RELEASES = BASE / "releases"
SOCKET = Path("/run/omero-web.sock")  # NGINX's way in on the same host, held by systemd
MAINTENANCE = Path("/usr/local/sbin/omero-web-maintenance")  # where NGINX is on this host
PLANNED = Path("/var/lib/omero-web-maintenance")  # what it shows, while it is on
# The environment variable of an image; web_ready_needs_server is its setting on a host.
READY_NEEDS_SERVER = "OMEROWEB_READY_NEEDS_SERVER"
EARLIER_OMERODIR = BASE / "omero-web"  # of the documented walkthrough


@dataclass(frozen=True)
class Locations:
    """The files of one OMERO.web installation.

    OMERODIR is the folder that every OMERO command takes from its environment.
    """

    omerodir: Path
    desired_state: Path

    @classmethod
    def from_environment(cls) -> Locations:
        """Read OMERODIR (and OMEROWEB_OPS_DESIRED); default to where a configuration is found."""
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
        """What the last deploy says of the site as a whole, for the doctor."""
        return self.desired_state.with_name("site.json")

    @property
    def record(self) -> Path:
        """What the bundle has set, and what stood there before."""
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
        """The schema of the site's own apps, or of another release, read once.

        Older releases keep theirs in omeroweb-ops.schema.json: they do not start where it is not
        their own and they may not write it.
        """
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.schemas.json"

    @property
    def secret(self) -> Path:
        """Names of the properties that came from a secrets file, now or at any time before."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.secret.json"

    @property
    def scratch(self) -> Path:
        """For copies of the configuration while they are tried: the service's user alone."""
        return self.omerodir / "var" / "tmp"

    @property
    def tried(self) -> Path:
        """What of configuration and release was last tried with success."""
        return self.omerodir / "etc" / "grid" / "omeroweb-ops.tried"

    def kept(self, release: str) -> Path:
        """The configuration with which a release has last served."""
        return self.omerodir / "etc" / "grid" / f"omeroweb-ops.{release}.json"

    @property
    def sessions(self) -> Path:
        return self.omerodir / "var" / "sessions"

    @property
    def static(self) -> Path:
        """Static files belong to the release that serves; the link leads to its folder."""
        return CURRENT / "static"

    @property
    def proxies(self) -> Path:
        """Addresses of NGINX on other hosts, one a line; absent where there is none."""
        return self.desired_state.parent / "proxies"

    @property
    def workers(self) -> Path:
        """One file for each worker that serves, with the digest of its configuration."""
        return self.omerodir / "var" / "workers"

    @property
    def heartbeat(self) -> Path:
        """Its time is that of the last report of gunicorn's master, where systemd does not run."""
        return self.omerodir / "var" / "heartbeat"

    @property
    def metrics(self) -> Path:
        """What the workers have counted, in files that all of them read."""
        return self.omerodir / "var" / "metrics"

    @property
    def cleared(self) -> Path:
        """What the last `sessions clear` did, for the metrics; absent before the first."""
        return self.omerodir / "var" / "clearsessions.json"

    @property
    def security_updates(self) -> Path:
        """What the last `omeroweb-ops updates` found, for the metrics; absent before the first."""
        return self.omerodir / "var" / "security-updates.json"

    @property
    def needs_server(self) -> Path:
        """There where OMERO.web is not ready without its OMERO.server (web_ready_needs_server)."""
        return self.desired_state.with_name("ready-needs-server")

    @property
    def logs(self) -> Path:
        return self.omerodir / "var" / "log"


def _found() -> Path:
    """The first of the known folders that has a configuration, else the bundle's own."""
    known = (OMERODIR, EARLIER_OMERODIR)
    has = [each for each in known if os.path.exists(each / "etc" / "grid" / "config.xml")]
    return has[0] if has else OMERODIR
