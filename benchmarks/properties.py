"""One to 106 properties set on a host: by `omero config set`, and by the bundle's state engine."""

from __future__ import annotations

from collections.abc import Iterator

from omeroweb_ops.state import schema
from omeroweb_ops.state.desired import Desired

from benchmarks import configuration
from benchmarks.fleet import fleet
from benchmarks.measurement import SIDES, Measurement, in_turn
from benchmarks.terminal import run_alone
from roles.conventions import LOCATIONS
from tests.integration.hosts import Host, deploy, docker_inventory

COUNTS = (1, 3, 10, 30, 106)
NAME = "set the properties"
# Properties without a default, or whose default the state engine does not accept here.
OTHERS: dict[str, object] = {
    "Ice.Default.Host": "omero.example.org",
    "omero.mail.from": "omero@example.org",
    "omero.mail.host": "mail.example.org",
    "omero.mail.password": "not a password",
    "omero.mail.username": "omero",
    "omero.master.host": "omero.example.org",
    "omero.web.api.absolute_url": "https://omero.example.org/",
    "omero.web.application_server.host": "127.0.0.1",
    "omero.web.application_server.port": 4080,
    "omero.web.apps": [],
    "omero.web.databases": {},
    "omero.web.login_logo": "/something",
    "omero.web.pipeline_css_compressor": "pipeline.compressors.NoopCompressor",
    "omero.web.pipeline_js_compressor": "pipeline.compressors.NoopCompressor",
    "omero.web.public.password": "not a password",
    "omero.web.root_application": "",
    "omero.web.secret_key": "not a secret key of any site, and long enough",
    "omero.web.session_cookie_domain": "omero.example.org",
    "omero.web.static_root": "${OMERODIR}/var/static",
    "omero.web.static_url": "/static/",
    "omero.web.upgrades.url": "https://omero.example.org/",
}
_SKIPPED = {"omero.web.caches", "omero.web.prefix", "omero.web.session_engine"}


def values() -> dict[str, object]:
    """Return 106 properties: those of benchmarks.configuration, others' defaults, and OTHERS."""
    chosen = configuration.values()
    for name, known in schema.locked().items():
        if name not in _SKIPPED and name not in OTHERS and known.default and not known.deprecated:
            chosen.setdefault(name, known.value(known.default))
    chosen |= OTHERS
    assert len(chosen) == max(COUNTS), len(chosen)
    return chosen


def measure(pairs: int) -> Iterator[Measurement]:
    """Yield the seconds until so many properties are set, validated and tried."""
    chosen = [*values().items()]
    with fleet() as hosts, hosts.make_host("plain") as host:
        deploy(docker_inventory(host))
        deployed = Desired.parse(host.read(str(LOCATIONS.desired_state)), "the host's")
        host.write("/root/deployed", deployed.dump(), "0600")
        for pair in range(pairs):
            for count in COUNTS:
                some = dict(chosen[:count])
                for side in in_turn(pair, SIDES):
                    if side == "documented":
                        took = configuration.documented(host, some)
                    else:
                        took = _bundle(host, deployed, some)
                    yield Measurement(NAME, side, took, "s", x=count)


def _bundle(host: Host, deployed: Desired, chosen: dict[str, object]) -> float:
    return next(each.value for each in configuration.bundle(host, deployed, chosen))


if __name__ == "__main__":
    run_alone(measure)
