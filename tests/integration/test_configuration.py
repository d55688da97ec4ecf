"""`omeroweb-ops config` and `omero config` on a real host, between deploys."""

from __future__ import annotations

import ast
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from omeroweb_ops.state import schema

from tests.integration.conftest import MakeHost
from tests.integration.hosts import deploy, docker_inventory
from tests.integration.site_checks import BASE, OMERODIR, assert_serves

MINE = ["Mine", "https://mine.example.org", {}]
THEIRS = ["Theirs", "https://theirs.example.org", {}]
LINKS = "omero.web.ui.top_links"


def test_the_configuration_between_people_and_the_inventory(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    assert host.run("omeroweb-ops config plan").stdout.endswith("is as deployed.\n")

    # a list frozen by hand is taken over item by item
    host.run(["omero", "config", "append", LINKS, json.dumps(THEIRS)])
    text = docker_inventory(host, web_config_append={LINKS: [MINE]})
    run = deploy(text)
    assert "Theirs" in run.output
    labels = [link[0] for link in json.loads(host.run(["omero", "config", "get", LINKS]).stdout)]
    assert labels[-2:] == ["Theirs", "Mine"]
    assert "Data" in labels
    assert deploy(text).changed_operations == ()

    # back, and the host is behind its inventory until the next deploy
    host.run("omeroweb-ops config rollback")
    behind = host.run("omeroweb-ops config plan", check=False)
    assert behind.exit_code == 2
    assert '+ ["Mine"' in behind.stdout
    deploy(text)
    assert host.run("omeroweb-ops config plan").exit_code == 0

    # what NGINX depends on is refused, and the site goes on
    host.run("omero config set omero.web.application_server.port 4099")
    refused = deploy(text, expect=1)
    assert "omero.web.application_server.port: was set by hand to 4099" in refused.output
    assert "Traceback" not in refused.output
    assert_serves(host)
    host.run("omero config set omero.web.application_server.port")
    deploy(text)

    # whatever else was set by hand goes, if the inventory says so
    host.run("omero config set omero.web.page_size 33")
    deploy(docker_inventory(host, web_config_append={LINKS: [MINE]}, web_config_exclusive=True))
    assert host.run("omero config get omero.web.page_size").stdout.strip() == ""


def test_an_installation_made_by_hand_is_exported_and_deployed_without_a_change(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    host.run(f"rm -f {OMERODIR}/etc/grid/*")
    for name, value in {
        "omero.web.page_size": "33",
        "omero.web.debug": "True",
        "omero.web.public.password": "not for the inventory",
    }.items():
        host.run(["omero", "config", "set", name, value])
    host.run(["omero", "config", "append", LINKS, json.dumps(MINE)])
    shown = host.run("omeroweb-ops config export").stdout
    assert "not for the inventory" not in shown
    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    settings = ast.literal_eval("{" + "\n".join(lines) + "}")
    assert settings == {
        "web_config": {"omero.web.debug": True, "omero.web.page_size": 33},
        "web_config_append": {LINKS: [MINE]},
    }
    run = deploy(docker_inventory(host, **settings))
    changed = [line.split("] ")[1].split(":")[0] for line in run.output.splitlines() if "→" in line]
    assert not {"omero.web.debug", "omero.web.page_size", LINKS} & {*changed}
    assert "omero.web.public.password was set by hand; it is kept" in run.output


def test_no_update_is_lost_among_several_omero_configs(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))

    def by_hand(number: int) -> None:
        host.run(f"omero config set omero.web.test{number} {number}")

    host.run("omero config set omero.web.page_size 33")
    text = docker_inventory(host, web_config={"omero.web.page_size": 44})
    deploy(text)
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(by_hand, number) for number in range(4)]:
            future.result()
    stored = host.run("omero config get").stdout
    assert all(f"omero.web.test{number}={number}" in stored for number in range(4))
    assert "omero.web.page_size=44" in stored


READY = (
    "from django.apps import AppConfig\n"
    "class Breaks(AppConfig):\n"
    "    name = 'breaks'\n"
    "    def ready(self):\n"
    "        raise RuntimeError('the reason why')\n"
)
ROUTES = "raise RuntimeError('the reason why')\n"
# not in a trial, where no request has gone by before: only where it serves
WORKERS = "import sys\nif 'gunicorn' in sys.argv[0]:\n    raise RuntimeError('the reason why')\n"


@pytest.mark.parametrize(
    ("module", "code"),
    [("apps", READY), ("urls", ROUTES), ("models", WORKERS)],
    ids=["static files", "trial", "workers"],
)
def test_a_configuration_that_does_not_start_is_taken_back(
    make_host: MakeHost, deployed_image: str, module: str, code: str
) -> None:
    """An app that imports, and breaks when OMERO.web starts: past every check before."""
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    packages = host.run(f"echo {BASE}/venv3/lib/python3.*/site-packages").stdout.strip()
    host.write(f"{packages}/breaks/__init__.py", "")
    host.write(f"{packages}/breaks/{module}.py", code)
    seen: list[int] = []
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.5):
            try:
                answer = host.http("/webclient/login/", timeout=120)
            except requests.RequestException:
                seen.append(0)
            else:
                page = "OMERO.web - Maintenance" in answer.text
                seen.append(answer.status_code if answer.status_code != 503 or page else -1)

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        run = deploy(
            docker_inventory(host, web_config_append={"omero.web.apps": ["breaks"]}), expect=1
        )
    finally:
        done.set()
        visitor.join()
    assert "the reason why" in run.output
    assert "omero.web.apps" in run.output
    assert "back to the one before" in run.output
    assert_serves(host)
    assert set(seen) <= {200, 503}
    assert "breaks" not in host.run("omero config get").stdout
    assert host.run("omeroweb-ops config plan", check=False).exit_code == 2
    deploy(docker_inventory(host))
    assert_serves(host)


def test_the_schema_in_the_project_is_the_installed_release_s(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    command = [f"{BASE}/venv3/bin/python", "-m", "omeroweb_ops.state.installed"]
    installed = json.loads(host.run(command, user="omero-web").stdout)
    assert installed == json.loads(schema.DATA.read_text(encoding="utf-8"))
