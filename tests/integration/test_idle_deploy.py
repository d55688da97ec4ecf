"""A deploy that has nothing to do asks little of a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import deploy, docker_inventory
from tests.integration.images import ROOT, Kind
from tests.integration.site_checks import OMERODIR

TRIED = f"{OMERODIR}/etc/grid/omeroweb-ops.tried"
# deploy.py, which writes a line for each remote call
COUNTED = f"""
from pyinfra.connectors.docker import DockerConnector

if not hasattr(DockerConnector, "counted"):
    DockerConnector.counted = DockerConnector.run_shell_command
    def run_shell_command(self, *arguments, **named):
        with open("CALLS", "a") as calls:
            calls.write("call\\n")
        return self.counted(*arguments, **named)
    DockerConnector.run_shell_command = run_shell_command
path = {str(ROOT / "deploy.py")!r}
exec(compile(open(path).read(), path, "exec"))
"""


@pytest.mark.parametrize("kind", ["plain", "systemd"])
def test_an_idle_deploy_makes_four_remote_calls(
    make_host: MakeHost,
    deployed_image: str,
    deployed_systemd_image: str,
    tmp_path: Path,
    kind: Kind,
) -> None:
    """Also the first one after a deploy, which tries no configuration that has served."""
    image = deployed_image if kind == "plain" else deployed_systemd_image
    host = make_host(kind, image=image)
    calls = tmp_path / "calls"
    (tmp_path / "counted.py").write_text(COUNTED.replace("CALLS", str(calls)))
    host.run(f"test -s {TRIED}")  # the first deploy has served
    changed = docker_inventory(host, web_config={"omero.web.page_size": 50})
    assert deploy(changed).changed_operations != ()
    trial = host.run(f"stat -c '%i %Z' {TRIED}").stdout
    run = deploy(changed, deploy_file=str(tmp_path / "counted.py"))
    assert run.changed_operations == ()
    assert len(calls.read_text().splitlines()) <= 4
    assert host.run(f"stat -c '%i %Z' {TRIED}").stdout == trial
