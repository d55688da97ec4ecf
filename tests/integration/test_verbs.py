"""The verbs of `./run` on a deployed host: what they print, how they end, what they change."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_entry, docker_inventory
from tests.integration.images import ROOT


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="verbs", image=deployed_systemd_image) as host:
        deploy(docker_inventory(host))  # whose URL has this host's address, not the image's
        yield host


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Path:
    """The directory above `production`, whose inventory is what is deployed."""
    write(tmp_path, docker_inventory(host))
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "production").mkdir(exist_ok=True)
    (folder / "production/site.py").write_text(text)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "run"), *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_plan_deploy_and_plan_again(host: Host, site: Path) -> None:
    name = docker_entry(host)
    same = run(site, "plan", "production")
    assert (same.returncode, same.stdout) == (
        0,
        f"{name}: nothing would change\nNothing would change.\n",
    )
    # a relative path of the site's directory, and a property
    (site / "production/welcome.html").write_text("<p>Welcome</p>")
    branding = {"index_template": "welcome.html"}
    config = {"omero.web.page_size": 50}
    write(site, docker_inventory(host, web_config=config, web_branding=branding))
    before = host.snapshot()
    planned = run(site, "plan", "production", "--json")
    assert planned.returncode == 2, planned.stderr
    plan = json.loads(planned.stdout)
    assert (plan["schema"], plan["changes"]) == (1, True)
    found = plan["hosts"][name]
    assert "OMERO.web | Apply configuration" in found["operations"]
    assert "+ omero.web.page_size: (not set) → 50" in found["configuration"]
    assert host.snapshot().touched_since(before) == []
    deployed = run(site, "deploy", "production", "--limit", "web")
    assert deployed.returncode == 0, deployed.stderr
    assert "--> Phase 4: OMERO.web\n" in deployed.stderr
    assert host.run("omero config get omero.web.page_size").stdout.strip() == "50"
    assert run(site, "plan", "production").returncode == 0
    # what only the host can know
    write(site, docker_inventory(host, web_config={"omero.web.apps": ["nosuchapp"]}))
    refused = run(site, "plan", "production")
    assert refused.returncode == 1
    assert "cannot import nosuchapp" in refused.stderr


def test_a_new_site_passes_the_plan(host: Host, tmp_path: Path) -> None:
    made = run(tmp_path, "init", "fresh", "--host", docker_entry(host), "--tls", "self-signed")
    assert made.returncode == 0, made.stderr
    planned = run(tmp_path, "plan", "fresh")
    assert planned.returncode == 2, planned.stderr
    assert "NGINX: " in planned.stdout
    assert "+ omero.web.secret_key: (not set) → ********" in planned.stdout


def test_status_and_doctor_of_all_hosts(host: Host, site: Path) -> None:
    name = docker_entry(host)
    own = json.loads(host.run("omeroweb-ops status --json", check=False).stdout)
    shown = run(site, "status", "production", "--json")
    found = json.loads(shown.stdout)
    assert found["hosts"][name]["report"]["warnings"] == own["warnings"]
    assert shown.returncode == found["exit_status"] == 1
    # one that cannot be reached, whose status is the worst
    unreachable = f"@docker/{host.name}-gone"
    write(site, docker_inventory(host) + f"web[0].append({unreachable!r})\n")
    both = run(site, "status", "production")
    assert both.returncode == 2
    assert f"{unreachable}  no report" in both.stdout
    assert f"{name}" in both.stdout
    limited = run(site, "doctor", "production", "--limit", name)
    assert limited.returncode == 0, limited.stdout
    assert unreachable not in limited.stdout
    nobody = run(site, "status", "production", "--limit", "nobody")
    assert nobody.returncode == 2
    assert "--limit or --exclude leaves none" in nobody.stderr


def test_maintenance_and_logs(host: Host, site: Path) -> None:
    on = run(site, "maintenance", "on", "production", "--message", "New disks")
    assert on.returncode == 0, on.stderr
    page = host.http("/webclient/login/")
    assert (page.status_code, "New disks" in page.text) == (503, True)
    assert run(site, "maintenance", "off", "production").returncode == 0
    assert host.http("/webclient/login/").status_code == 200
    logs = run(site, "logs", "production", "-n", "1000")
    assert logs.returncode == 0, logs.stderr
    assert '"GET /webclient/login/' in logs.stdout  # of gunicorn
    assert "Processing custom settings" in logs.stdout  # of OMERO.web
    # root prints no control character of OMERO.web's
    log = "/opt/omero/web/OMERO.web/var/log/OMEROweb.log"
    host.run(f"printf 'forged \\033[2J line\\n' >> {log}", user="omero-web")
    logs = run(site, "logs", "production", "--log", "application", "-n", "1")
    assert logs.stdout.startswith("forged ?[2J line")
