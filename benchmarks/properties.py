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
# The inventory has these elsewhere, or a deploy derives them; or their defaults are not accepted.
_EXCLUDED = "application_server. caches prefix session_engine static_ secret_key databases apps"


def values() -> dict[str, object]:
    """Return 106 properties: first those of benchmarks.configuration, then others' defaults."""
    chosen = configuration.values()
    for name, known in schema.locked().items():
        is_excluded = name.removeprefix("omero.web.").startswith(tuple(_EXCLUDED.split()))
        if known.default and not known.deprecated and not is_excluded:
            chosen.setdefault(name, known.value(known.default))
    return dict([*chosen.items()][: max(COUNTS)])


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
