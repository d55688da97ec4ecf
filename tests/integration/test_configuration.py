"""`omeroweb-ops config` and `omero config` on a real host, between deploys."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from omeroweb_ops.state import schema
from omeroweb_ops.state.list_items import SHAPES

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, OMERODIR, assert_serves, django

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
    assert "omero.web.application_server.port: was set manually to 4099" in refused.output
    assert "Traceback" not in refused.output
    assert_serves(host)
    host.run("omero config set omero.web.application_server.port")
    deploy(text)

    # whatever else was set manually goes, if the inventory says so
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
    changed = [line for line in run.output.splitlines() if re.search(r"\] [+~-] omero", line)]
    assert changed
    exported = ("omero.web.debug", "omero.web.page_size", LINKS)
    assert not any(name in line for line in changed for name in exported)
    assert "! omero.web.public.password: set manually, kept" in run.output


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
# not in a trial: only later
COLLECT = (
    "import sys\nfrom django.conf import settings\nif 'collectstatic' in sys.argv:\n"
    "    raise RuntimeError('the reason why: ' + repr([settings.PUBLIC_PASSWORD]))\n"
)
WORKERS = (
    "import sys\nfrom django.conf import settings\nif 'gunicorn' in sys.argv[0]:\n"
    "    raise RuntimeError('the reason why: ' + settings.PUBLIC_PASSWORD)\n"
)
SECRET = {"omero.web.public.password": "never in a terminal"}
APP = {"omero.web.apps": ["breaks"]}


@pytest.mark.parametrize(
    ("module", "code", "serves"),
    [
        ("apps", READY, False),
        ("urls", ROUTES, False),
        ("models", COLLECT, False),
        ("models", WORKERS, True),
    ],
    ids=["start", "page", "static files", "workers"],
)
def test_a_configuration_that_does_not_start_is_refused_or_taken_back(
    make_host: MakeHost, deployed_image: str, module: str, code: str, serves: bool
) -> None:
    """An app that imports, and breaks when OMERO.web starts."""
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    write_app(host, "breaks", {module: code})
    written = host.read(f"{OMERODIR}/etc/grid/config.xml")
    with visitor(host) as seen:
        text = docker_inventory(host, web_config=SECRET, web_config_append=APP)
        run = deploy(text, expect=1)
    assert "the reason why" in run.output
    assert SECRET["omero.web.public.password"] not in run.output
    assert "omero.web.apps" in run.output
    if serves:
        assert "the last known good state is restored" in run.output
        assert "the reason why: ********" in run.output
    else:  # tried before anything was changed
        assert "the active one stays in use" in run.output
        assert host.read(f"{OMERODIR}/etc/grid/config.xml") == written
    assert_serves(host)
    assert seen <= {200, 503}
    assert "breaks" not in host.run("omero config get").stdout
    behind = 2 if serves else 0
    assert host.run("omeroweb-ops config plan", check=False).exit_code == behind
    deploy(docker_inventory(host))
    assert_serves(host)


def write_app(host: Host, name: str, modules: dict[str, str]) -> None:
    """An app in the release's virtualenv, as a plugin's package would bring it."""
    packages = host.run(f"echo {BASE}/venv3/lib/python3.*/site-packages").stdout.strip()
    host.write(f"{packages}/{name}/__init__.py", "")
    for module, code in modules.items():
        host.write(f"{packages}/{name}/{module}.py", code)


@contextmanager
def visitor(host: Host) -> Iterator[set[int]]:
    """Somebody who looks at the login page all the time; what they saw: a status, 0 for no
    answer, -1 for a raw error."""
    seen: set[int] = set()
    done = threading.Event()

    def visit() -> None:
        while not done.wait(0.5):
            try:
                answer = host.http("/webclient/login/", timeout=120)
            except requests.RequestException:
                seen.add(0)
            else:
                page = "OMERO.web - Maintenance" in answer.text
                seen.add(answer.status_code if answer.status_code != 503 or page else -1)

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


PLUGIN = """
import json
from omeroweb.settings import parse_boolean
CUSTOM_SETTINGS_MAPPINGS = {
    "omero.web.plug.count": ["PLUG_COUNT", 5, int, "How many"],
    "omero.web.plug.things": ["PLUG_THINGS", '["a"]', json.loads, "Things"],
    "omero.web.plug.on": ["PLUG_ON", "false", parse_boolean, "On or off"],
    "omero.web.plug.password": ["PLUG_PASSWORD", "", str, "Not for everybody"],
}
"""


def test_a_plugin_s_own_properties_are_known_on_the_host(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    deploy(docker_inventory(host))
    write_app(host, "plug", {"settings": PLUGIN})
    release = host.run(f"readlink {BASE}/venv3").stdout
    wrong = deploy(
        docker_inventory(
            host,
            web_config={
                "omero.web.plug.count": "x",
                "omero.web.plug.thinks": ["b"],
                "omero.web.plug.on": "yes",
            },
            web_config_append={
                "omero.web.apps": ["plug", "nosuchapp"],
                "omero.web.middleware": [{"index": 9, "class": "plug.middleware.Missing"}],
            },
        ),
        expect=1,
    )
    assert "cannot import nosuchapp: ModuleNotFoundError" in wrong.output
    assert "cannot import plug.middleware.Missing" in wrong.output
    assert "omero.web.plug.count: must be a whole number, not 'x'" in wrong.output
    assert "omero.web.plug.on: must be True or False, not 'yes'" in wrong.output
    assert host.run(f"readlink {BASE}/venv3").stdout == release
    assert host.run("omeroweb-ops config plan").exit_code == 0

    misspelt = deploy(
        docker_inventory(
            host,
            web_config={"omero.web.plug.thinks": ["b"]},
            web_config_append={"omero.web.apps": ["plug"]},
        ),
        expect=1,
    )
    assert "did you mean omero.web.plug.things?" in misspelt.output
    good = docker_inventory(
        host,
        web_config={"omero.web.plug.on": "True", "omero.web.plug.password": "sesame"},
        web_config_append={"omero.web.apps": ["plug"], "omero.web.plug.things": ["b"]},
    )
    run = deploy(good)
    assert "sesame" not in run.output
    values = "from plug import settings as s\nprint(s.PLUG_ON, s.PLUG_THINGS, s.PLUG_PASSWORD)"
    assert django(host, values) == "True ['a', 'b'] sesame"
    assert deploy(good).changed_operations == ()
    host.run("omero config set omero.web.plug.on true")  # the same, spelt otherwise
    assert deploy(good).changed_operations == ()
    assert "Things" in host.run("omeroweb-ops config show omero.web.plug.things").stdout


# As omero-signup and omero-oauth have them: the import raises without the required property, and a
# property is JSON or the name of a file.
NEEDY = """
import json, sys
from omeroweb.settings import process_custom_settings

def not_empty(o):
    if not o:
        raise ValueError("Invalid empty value")
    return str(o)

def json_or_file(o):
    return json.loads(o) if o.startswith("{") else {"file": open(o).read()}

NEEDY_MAPPING = {
    "omero.web.needy.user": ["NEEDY_USER", "", not_empty, "The name of the user"],
    "omero.web.needy.password": ["NEEDY_PASSWORD", "", not_empty, None],
    "omero.web.needy.providers": ["PROVIDERS", "{}", json_or_file, None],
    "omero.web.needy.lines": ["LINES", "[]", json.loads, None],
}
process_custom_settings(sys.modules[__name__], "NEEDY_MAPPING")
"""
NEEDY_URLS = """
from django.http import JsonResponse
from django.urls import path
from . import needy_settings as s
page = [s.NEEDY_USER, s.PROVIDERS, s.LINES]
urlpatterns = [path("", lambda request: JsonResponse(page, safe=False))]
"""
BLOCKS = ["location /a/ {", "return 204;", "}", "location /b/ {", "return 204;", "}"]


def test_properties_are_taken_as_omero_web_and_its_apps_take_them(
    make_host: MakeHost, deployed_image: str, tmp_path: Path
) -> None:
    host = make_host("plain", image=deployed_image)
    write_app(host, "needy", {"needy_settings": NEEDY, "urls": NEEDY_URLS})
    before = host.run(f"readlink {BASE}/venv3; omero config get").stdout
    apps = {"omero.web.apps": ["needy"]}
    providers = f"{BASE}/config/providers.yaml"

    missing = deploy(docker_inventory(host, web_config=apps), expect=1)
    assert (
        "omero.web.needy.user: must be set (The name of the user): "
        "needy.needy_settings.not_empty refuses the default: Invalid empty value"
    ) in missing.output
    assert "omero.web.needy.password: must be set: needy.needy" in missing.output
    wrong = {"omero.web.needy.user": "", "omero.web.needy.providers": providers}
    run = deploy(docker_inventory(host, web_config={**apps, **wrong}), expect=1)
    refused = f"needy.needy_settings.json_or_file refuses '{providers}': FileNotFoundError: "
    assert f"omero.web.needy.providers: {refused}" in run.output
    assert "omero.web.needy.user: needy.needy_settings.not_empty refuses ''" in run.output
    assert "omero.web.needy.password: must be set: needy.needy" in run.output
    assert host.run(f"readlink {BASE}/venv3; omero config get").stdout == before
    assert host.run("omeroweb-ops config plan").exit_code == 0

    host.write(providers, "idp: example")
    secrets = tmp_path / "secrets.yaml"
    secrets.write_text("omero.web.needy.password: sesame of needy\n")
    secrets.chmod(0o600)
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    site = docker_inventory(
        host,
        web_secrets=str(secrets),
        web_branding={"login_logo": str(logo)},
        web_config={
            **apps,
            **wrong,
            "omero.web.needy.user": "ada",
            "omero.web.api.max_limit": 1000,
            "omero.web.api.absolute_url": "https://images.example.org",
            "omero.web.static_url": "/files",
        },
        web_config_append={
            "omero.web.nginx_server_extra_config": BLOCKS,
            "omero.web.needy.lines": [*BLOCKS, {"a": 1}],
        },
    )
    assert "sesame" not in deploy(site).output
    assert host.http("/needy/").json() == ["ada", {"file": "idp: example"}, [*BLOCKS, {"a": 1}]]
    assert [host.http(path).status_code for path in ("/a/", "/b/")] == [204, 204]
    (version,) = host.http("/api/").json()["data"]
    assert version["url:base"].startswith("https://images.example.org/api/v0/")
    login = host.http("/webclient/login/").text
    (source,) = re.findall(r'src="(/files/branding/[^"]+)"', login)
    assert host.http(source).text == logo.read_text()
    assert host.http("/filesystem/").status_code == 404
    assert deploy(site).changed_operations == ()


def test_a_dry_run_shows_what_would_change_and_changes_nothing(
    make_host: MakeHost, deployed_image: str, tmp_path: Path
) -> None:
    links = {LINKS: [MINE]}
    secret = "never in a terminal"
    config = {"omero.web.page_size": 33, "omero.web.public.password": secret}
    for image in (deployed_image, None):
        host = make_host("plain", image=image)
        before = host.snapshot()
        text = docker_inventory(host, web_config=config, web_config_append=links)
        (tmp_path / "inventory.py").write_text(text)
        done = subprocess.run(
            [ROOT / "run", "pyinfra", "--dry", "inventory.py", ROOT / "deploy.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        shown = done.stdout + done.stderr
        assert "+ omero.web.page_size: (not set) → 33" in shown
        assert '+ ["Mine", "https://mine.example.org", {}]' in shown
        assert "+ omero.web.public.password: (not set) → ********" in shown
        assert secret not in shown
        assert host.snapshot().touched_since(before) == []


ROUND_TRIP = """
import json, os, sys, tempfile
from pathlib import Path
from omeroweb_ops.state import config_xml
texts = json.load(sys.stdin)
scratch = tempfile.mkdtemp()
path = Path(scratch, "etc/grid/config.xml")
path.parent.mkdir(parents=True)
config_xml.write(path, texts)
os.environ["OMERODIR"] = scratch
import omeroweb.settings as settings
found = {}
for mapping in (settings.INTERNAL_SETTINGS_MAPPING, settings.CUSTOM_SETTINGS_MAPPINGS,
                settings.DEVELOPMENT_SETTINGS_MAPPINGS):
    for name, (variable, default, function, _description, is_default, *_) in mapping.items():
        value = function(texts.get(name, default)) if default is not None or name in texts else None
        found[name] = [is_default, getattr(value, "pattern", value)]
print(json.dumps(found, default=str))
"""


def test_every_property_reaches_omero_web_as_it_was_written(
    make_host: MakeHost, deployed_image: str
) -> None:
    """Each current property set, and each at its default, as the installed omeroweb.settings reads
    it from config.xml."""
    host = make_host("plain", image=deployed_image)

    def read(texts: dict[str, str]) -> dict[str, tuple[bool, Any]]:
        command = [f"{BASE}/venv3/bin/python", "-c", ROUND_TRIP]
        done = host.run(command, user="omero-web", stdin=json.dumps(texts).encode())
        return {name: tuple(found) for name, found in json.loads(done.stdout).items()}

    known = schema.locked()
    unset = read({})
    assert len(unset) == 106
    assert all(is_default for is_default, _value in unset.values())
    values = {name: another(known[name]) for name in unset}
    is_set = read({name: known[name].encode(value) for name, value in values.items()})
    assert {name for name, (is_default, _value) in is_set.items() if is_default} == set()
    values["omero.mail.port"] = str(values["omero.mail.port"])  # upstream leaves it text
    assert {name: value for name, (_default, value) in is_set.items()} == values


def another(prop: schema.Property) -> Any:
    """A value other than the default."""
    if prop.kind == "boolean":
        return prop.default != "true"
    if prop.kind == "choice":
        return next(choice for choice in prop.choices if choice != prop.default)
    if prop.kind == "list":
        return [SHAPES[prop.name].example]
    if prop.name in ("omero.web.time_zone", "omero.web.static_url"):
        return {"zone": "Europe/Berlin", "url": "/assets/"}[prop.name.rsplit("_", 1)[1]]
    return {"integer": 4711, "string": "ä \"text\" <&>", "object": {"a": {"b": [1]}},
            "regex": "^/(a|b)"}[prop.kind]  # fmt: skip


def test_the_schema_in_the_project_is_the_installed_release_s(
    make_host: MakeHost, deployed_image: str
) -> None:
    host = make_host("plain", image=deployed_image)
    command = [f"{BASE}/venv3/bin/python", "-m", "omeroweb_ops.state.schema_introspection"]
    installed = json.loads(host.run(command, user="omero-web").stdout)
    assert installed == json.loads(schema.DATA.read_text(encoding="utf-8"))
