"""What is in web_secrets shows in no output, log or process, and in no file but its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.canaries import Canaries, Find, search, watched
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Deployment, Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, OMERODIR, assert_serves

ADDITIONAL = "omero.web.django_additional_settings"
# Where secrets are meant to be: for root and the service's user alone.
KEPT = re.compile(
    rf"{OMERODIR}/etc/grid/(config\.xml|omeroweb-ops(\.previous|\.[0-9a-f]{{12}})?\.json)(\.new)?"
    rf"|{BASE}/state/desired\.json(\.new)?"
)
# NGINX's lines are a property too; while they are tried, in a directory of root's alone.
NGINX = re.compile(
    r"/etc/nginx/conf\.d/omero-web\.conf(\.new)?"
    r"|/run/omeroweb-ops/nginx\.\w+/(conf\.d/omero-web\.conf|said)"
)
# A copy that is tried, which a kill leaves for the next trial to remove.
TRIED = re.compile(rf"{OMERODIR}/var/tmp/configuration-\w+/etc/grid/config\.xml(\.new)?")
OWNERS = ("omero-web:omero-web", "root:omero-web", "root:root")
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")
BREAKS = """
import json, shlex, sys
from urllib.parse import quote
from xml.sax.saxutils import escape
from django.conf import settings
from . import settings as own
if own.BREAKS == "trial" or own.BREAKS == "workers" and "gunicorn" in sys.argv[0]:
    values = [own.OWN_0, own.OWN_1, own.OWN_2, own.OWN_3, own.COUNT, settings.TOP_LINKS]
    values += [settings.EMAIL_HOST_PASSWORD, settings.PUBLIC_PASSWORD, settings.SECRET_KEY]
    texts = [each if isinstance(each, str) else json.dumps(each) for each in values]
    forms = (repr, str, json.dumps, shlex.quote, escape, quote, lambda text: quote(text, safe=""))
    lines = [form(text) for text in texts for form in forms]
    raise RuntimeError("the reason why: " + " ".join([*lines, repr(values)]))
"""


# The lock of a deploy is in the environment of whatever it starts.
KILL = """
for each in $(grep -lsz ^OMEROWEB_OPS_DEPLOY= /proc/[0-9]*/environ); do
    pid=${each#/proc/}; kill -KILL "${pid%/environ}"
done; true
"""


class Secrets:
    """The secrets of a site, made anew, and the app whose properties some of them are."""

    def __init__(self, seed: int) -> None:
        self.canaries = made = Canaries(seed)
        self.app = made.name()
        names = [f"omero.web.{made.name()}" for _ in "1234"]
        self.names = [f"{names[0]}.client_secret", f"{names[1]}.{made.name()}", *names[2:]]
        self.count = f"omero.web.{made.name()}"
        self.renew()

    def renew(self) -> None:
        made = self.canaries
        nested = {made.name(): [made.text(), {"a b": made.text() + "\n" + made.text()}]}
        url = f"rediss://u:{made.word()}@redis.example.org:1/0"
        self.values: dict[str, Any] = {
            "redis_password": made.text(),
            "omero.web.secret_key": made.text(),
            ADDITIONAL: [
                ["EMAIL_HOST_PASSWORD", made.text()],
                [made.name().upper(), [url, nested]],
            ],
            "omero.web.public.password": made.text(),
            "omero.web.ui.top_links": [[made.text(), "https://example.org/" + made.word(), {}]],
            "omero.web.nginx_server_extra_config": [f'set $own "{made.word()}";'],
            self.names[0]: made.text(),
            self.names[1]: made.text(),
            self.names[2]: [made.text(), [made.text(), made.integer()]],
            self.names[3]: json.dumps({**nested, made.name(): made.text()}),
            self.count: made.integer(),
        }

    @property
    def modules(self) -> dict[str, str]:
        """Of the app."""
        kinds = [("", "str"), ("", "str"), ("[]", "json.loads"), ("{}", "json.loads")]
        own = {
            name: (f"OWN_{number}", default, kind)
            for number, (name, (default, kind)) in enumerate(zip(self.names, kinds, strict=True))
        }
        own[f"{self.names[2]}.breaks"] = ("BREAKS", "", "str")
        lines = [f"    {self.count!r}: ['COUNT', 5, int, ''],\n"] + [
            f"    {name!r}: [{variable!r}, {default!r}, {kind}, ''],\n"
            for name, (variable, default, kind) in own.items()
        ]
        return {
            "__init__": "",
            "settings": "import json\nCUSTOM_SETTINGS_MAPPINGS = {\n" + "".join(lines) + "}\n",
            "models": BREAKS,
        }


class Site:
    """A host with secrets, and the controller's side."""

    def __init__(self, host: Host, folder: Path, seed: int) -> None:
        self.host, self.folder = host, folder
        self.secrets = Secrets(seed)
        self.began = time.time()
        (folder / "tmp").mkdir()
        packages = host.run(f"echo {BASE}/venv3/lib/python3.*/site-packages").stdout.strip()
        for name, code in self.secrets.modules.items():
            host.write(f"{packages}/{self.secrets.app}/{name}.py", code)

    @property
    def canaries(self) -> Canaries:
        return self.secrets.canaries

    @property
    def environment(self) -> dict[str, str]:
        return {"TMPDIR": str(self.folder / "tmp")}

    def inventory(self, breaks: str = "", more: Mapping[str, Any] = {}) -> str:
        """Text of the inventory, whose secrets lie beside it.

        breaks: where the app fails, with a message that quotes secrets. more: other secrets.
        """
        path = self.folder / "secrets.yml"
        path.write_text(yaml.safe_dump({**self.secrets.values, **more}, allow_unicode=True))
        path.chmod(0o600)
        own = {f"{self.secrets.names[2]}.breaks": breaks} if breaks else {}
        return docker_inventory(
            self.host,
            web_secrets=str(path),
            web_config={"omero.web.wsgi_workers": 2, **own},
            web_config_append={"omero.web.apps": [self.secrets.app]},
            redis_port=6379,
        )

    def deploy(
        self,
        *arguments: str,
        expect: int = 0,
        breaks: str = "",
        more: Mapping[str, Any] = {},
    ) -> Deployment:
        """A run of pyinfra that shows no secret."""
        run = deploy(
            self.inventory(breaks, more),
            *arguments,
            cwd=self.folder,
            env=self.environment,
            expect=expect,
        )
        assert self.canaries.shown(run.output) == []
        return run

    def run(self, command: str | Sequence[str], status: Sequence[int] = (0,)) -> None:
        """A command on the host that shows no secret."""
        done = self.host.run(command, check=False)
        assert done.exit_code in status, (command, done)
        assert self.canaries.shown(done.stdout + done.stderr) == [], command

    def assert_kept(self, *more: re.Pattern[str], since: float | None = None) -> None:
        """Secrets are in the files that are meant for them, and in none besides."""
        since = self.began - 1 if since is None else since
        found = search(self.canaries, self.host, since=since)
        assert [each for each in found if KEPT.fullmatch(each.path)]
        assert [each for each in found if not _is_kept(each, NGINX, *more)] == []
        places = [str(self.folder), "/dev/shm"]
        found = search(self.canaries, None, places, since)
        assert [each for each in found if each.path != str(self.folder / "secrets.yml")] == []


def _is_kept(found: Find, *more: re.Pattern[str]) -> bool:
    at = any(each.fullmatch(found.path) for each in (KEPT, *more))
    return at and not found.is_open and found.owner in OWNERS


@contextlib.contextmanager
def nothing_shown_meanwhile(site: Site) -> Iterator[None]:
    """No process, here or on the host, has a secret in its arguments or its environment, and no
    file in a directory for temporary files."""
    own = [str(site.folder / "tmp")]
    with (
        watched(site.canaries, site.host, PLACES) as there,
        watched(site.canaries, None, own) as here,
    ):
        yield
    assert [each for each in there if not NGINX.fullmatch(each[0])] == []
    assert here == []


READING = (
    ("config plan", (0, 2)),
    ("config plan --json", (0, 2)),
    ("config check", (0,)),
    ("config check --json", (0,)),
    ("config show", (0,)),
    ("config export", (0,)),
    ("config digest", (0,)),
    ("status", (0, 1)),
    ("status --json", (0, 1)),
    ("doctor", (0, 1)),
    ("doctor --json", (0, 1)),
    ("release list", (0,)),
    ("release suits", (0, 1)),
    ("ready --current", (0,)),
    ("sessions clear", (0,)),
)
PAGES = ("ops/live", "ops/ready", "ops/status", "ops/metrics", "webclient/login/", "no-such-page/")


@pytest.fixture(scope="module")
def site(
    make_session_host: MakeHost,
    deployed_systemd_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    seed = int(os.environ.get("OMEROWEB_TEST_SEED", time.time_ns() % 10**9))
    print("OMEROWEB_TEST_SEED =", seed)  # shown where a test fails
    with make_session_host("systemd", name="secrets", image=deployed_systemd_image) as host:
        yield Site(host, tmp_path_factory.mktemp("secrets"), seed)


def test_what_is_in_web_secrets_shows_nowhere(site: Site) -> None:
    with nothing_shown_meanwhile(site):
        site.deploy("--dry", "-vvv")
        site.deploy("-vvv")
        assert site.deploy().changed_operations == ()
        for command, status in READING:
            site.run(f"omeroweb-ops {command}", status)
        names = [name for name in site.secrets.values if name != "redis_password"]
        site.run(["omeroweb-ops", "config", "show", *names])
        for page in PAGES:
            site.run(["curl", "-si", f"http://127.0.0.1/{page}"])
    site.run("journalctl -o export --no-pager; journalctl -o cat --no-pager")
    site.run("systemctl show '*'; systemctl cat omero-web nginx redis-server")
    site.assert_kept()

    # a mistake in each place that can find one, about that very value
    host, wrong = site.host, site.canaries.text()
    for name in ("omero.web.page_size", site.secrets.count, "omero.web.caches"):
        refused = site.deploy(expect=1, more={name: wrong})
        assert name in refused.output
    extra = "omero.web.nginx_server_extra_config"
    refused = site.deploy("-vvv", expect=1, more={extra: [f"{site.canaries.word()} 1;"]})
    assert "unknown directive ********" in refused.output
    refused = site.deploy("-vvv", expect=1, breaks="trial")
    assert "the active one stays in use" in refused.output
    assert "the reason why" in refused.output
    refused = site.deploy("-vvv", expect=1, breaks="workers")
    assert "the last known good state is restored" in refused.output
    assert "the reason why" in refused.output
    assert_serves(host)
    for command in ("status", "status --json", "doctor", "doctor --json"):
        site.run(f"omeroweb-ops {command}", (0, 1))
    site.run("omeroweb-ops config rollback")
    site.run("omeroweb-ops config plan", (0, 2))


def kill(site: Site, seconds: float, *, on_host: bool) -> None:
    """Begin a deploy, and kill it after so many seconds: here, or what it has begun on the host."""
    (site.folder / "inventory.py").write_text(site.inventory())
    command = [str(ROOT / "run"), "pyinfra", "-vvv", "-y", "inventory.py", str(ROOT / "deploy.py")]
    with (site.folder / "said").open("ab") as said:  # which is searched like other files there
        run = subprocess.Popen(
            command,
            cwd=site.folder,
            env=os.environ | site.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(seconds)
        if on_host:
            site.host.run(KILL)
            run.wait(300)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def killed(site: Site, times: int) -> None:
    """Kill deploys that change every secret, and look for secrets each time."""
    site.secrets.renew()
    seconds = site.deploy().seconds
    for number in range(times):
        site.secrets.renew()
        kill(site, site.canaries.random.uniform(0.1, 1) * seconds, on_host=number % 2 == 1)
        site.assert_kept(TRIED)
    site.deploy()
    assert site.deploy().changed_operations == ()
    site.assert_kept()
    assert_serves(site.host)


def test_a_killed_deploy_leaves_secrets_nowhere(site: Site) -> None:
    killed(site, 2)


@pytest.mark.sweep
def test_many_killed_deploys_leave_secrets_nowhere(site: Site) -> None:
    killed(site, 30)
