"""Day two on a systemd host: changes and crashes while visitors come and sessions live."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import load
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.site_checks import BASE, assert_serves, django, master, pids
from tests.packages import plugin

STORE = """
from importlib import import_module
from django.conf import settings
Store = import_module(settings.SESSION_ENGINE).SessionStore
"""
SESSIONS = 1000
LINE = {"omero.web.nginx_server_extra_config": ["add_header X-Changed yes always;"]}


@pytest.fixture(scope="module")
def source(make_session_host: MakeHost) -> Iterator[Host]:
    """Where visitors come from."""
    with make_session_host("plain", name="visitors") as host:
        load.install(host)
        yield host


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="lifecycle", image=deployed_systemd_image) as host:
        deploy(docker_inventory(host))
        yield host


@pytest.fixture(scope="module")
def keys(site: Host) -> list[str]:
    """Sessions of users who have logged in."""
    made = django(
        site,
        f"{STORE}for n in range({SESSIONS}):\n    s = Store()\n"
        "    s['connector'] = {'user': n}\n    s.save()\n    print(s.session_key)",
    ).split()
    assert len({*made}) == SESSIONS
    return made


def living(site: Host, keys: list[str]) -> int:
    """How many of the sessions still know their users."""
    site.write("/tmp/keys", "\n".join(keys))
    code = "print(sum(Store(k.strip()).get('connector') is not None for k in open('/tmp/keys')))"
    return int(django(site, STORE + code))


def release_of(site: Host) -> str:
    return Path(site.run(f"readlink {BASE}/venv3").stdout.strip()).name


def another_release(folder: Path, name: str = "ours") -> str:
    """The same packages by another lock: another release."""
    lock = folder / f"{name}.txt"
    lock.write_text(f"# {name}\n" + (ROOT / "app" / "requirements.txt").read_text())
    return str(lock)


def pending_security_update(site: Host, package: str) -> None:
    """Publish a newer version of an installed package in a security archive on the host itself."""
    archive = "/srv/security"
    stanza = {
        "Package": package,
        "Version": "99",
        "Architecture": "all",
        "Maintainer": "Nobody <nobody@example.org>",
        "Filename": f"./{package}.deb",
        "Size": "1",
        "SHA256": "0" * 64,
        "Description": "newer",
    }
    site.write(f"{archive}/Packages", "".join(f"{k}: {v}\n" for k, v in stanza.items()))
    site.write(f"{archive}/Release", "Origin: Debian\nLabel: Debian-Security\nSuite: stable\n")
    source = "/etc/apt/sources.list.d/security-test.list"
    site.write(source, f"deb [trusted=yes] file:{archive} ./\n")
    alone = f"-o Dir::Etc::sourcelist={source} -o Dir::Etc::sourceparts=-"
    site.run(f"apt-get -qq {alone} update")


def audit(inventory: str, folder: Path) -> str:
    """What `./run audit` reports; without a network it ends with a status of its own."""
    (folder / "site.py").write_text(inventory)
    command = [str(ROOT / "run"), "audit", "site.py", "--osv-url", "http://127.0.0.1:9/"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    return done.stdout


def warned(site: Host) -> list[str]:
    """What `status` warns of; no OMERO.server is there in these tests."""
    found = json.loads(site.run("omeroweb-ops status --json", check=False).stdout)
    return [each["check"] for each in found["warnings"]]


def test_status_tells_on_one_screen_what_serves_and_what_needs_somebody(
    site: Host, tmp_path: Path
) -> None:
    nobody = "no OMERO.server is reachable from this host, so nobody can log in: localhost:4064 ("
    run = deploy(docker_inventory(site))
    last = run.output.rpartition("--> Starting operation: ")[2]
    assert f"warning: {nobody}" in last, run.output
    # What Debian has published since the host's image was made is not this test's.
    site.run("rm -f /var/lib/apt/lists/*Release")
    assert warned(site) == ["OMERO.server"]
    well = site.run("omeroweb-ops status", check=False)
    assert well.exit_code == 1
    assert well.stdout.startswith("OMERO.web serves.")
    for told in (
        rf"^release +{release_of(site)}: omero-web 5\.33\.2, Python 3\.11, no plugins$",
        r"^configuration +[0-9a-f]{12}: as last deployed, none set manually$",
        r"^workers +[1-9]\d* with this release and configuration; up ",
        r"^sessions +Redis; \d+ stored; memory ",
        r"^last deploy +last known good \d{4}-",
        r"^disk +/opt/omero/web: ",
        r"^updates +not known: apt has no package lists$",
        r"^maintenance +off$",
    ):
        assert re.search(told, well.stdout, re.M), well.stdout
    pending_security_update(site, "hostname")

    # a way out of a deploy, a full Redis, a full disk (of this command alone), a closed site
    site.run("omero config set omero.web.login_logo mine.png")
    site.run("omeroweb-ops maintenance on --message 'New disks'")
    used = int(re.findall(r"used_memory:(\d+)", site.run("omero-web-redis info memory").stdout)[0])
    site.run(f"omero-web-redis config set maxmemory {used * 11 // 10}")
    var = f"{BASE}/OMERO.web/var"
    site.write(
        "/tmp/full.sh",
        f"set -e; cp -a {var} /tmp/var; mount -t tmpfs -o size=64m tmpfs {var}\n"
        f"cp -a /tmp/var/. {var}; rm -r /tmp/var\n"
        # not by the command, which systemd runs among its own mounts
        f"exec runuser -u omero-web -- env OMERODIR={BASE}/OMERO.web"
        f" {BASE}/venv3/bin/omeroweb-ops status\n",
    )
    ill = site.run("unshare -m bash /tmp/full.sh", check=False)
    site.run("omero-web-redis config set maxmemory 0; omeroweb-ops maintenance off", check=False)
    assert ill.exit_code == 1, ill.stdout + ill.stderr
    for told in (
        r"^configuration +set manually: omero\.web\.login_logo$",
        r"^sessions +Redis uses \d+% of its memory",
        rf"^disk +the file system of {var} is nearly full$",
        r"^updates +security updates are pending: hostname$",
        r"^maintenance +ON: New disks$",
    ):
        assert re.search(told, ill.stdout, re.M), ill.stdout
    assert max(map(len, ill.stdout.splitlines())) <= 80
    assert site.run("omeroweb-ops updates", user="omero-web", check=False).exit_code == 1
    metrics = site.run("curl -s localhost/ops/metrics").stdout
    assert "omeroweb_security_updates_pending 1.0" in metrics
    assert "omeroweb_lock_timestamp_seconds 1." in metrics
    audited = audit(docker_inventory(site), tmp_path)
    assert re.search(rf"^@docker/{site.name}: \d+ packages, locked 20", audited, re.M), audited
    assert f"@docker/{site.name}: Debian security updates are pending: hostname" in audited
    site.run("rm -f /var/lib/apt/lists/*Release /etc/apt/sources.list.d/security-test.list")

    config = f"{BASE}/OMERO.web/etc/grid/config.xml"
    kept = site.read(config)
    site.run(f"echo '<broken' > {config}")
    broken = site.run("omeroweb-ops status", check=False)
    site.write("/tmp/config.xml", kept)
    site.run(f"cat /tmp/config.xml > {config}")
    assert broken.exit_code == 1
    assert broken.stdout.startswith("OMERO.web serves.")
    assert "config.xml is not readable" in broken.stdout

    site.run("omero config set omero.web.login_logo")
    site.run("omero web stop")
    stopped = site.run("omeroweb-ops status --json", user="omero-web", check=False)
    site.run("omero web start")
    assert stopped.exit_code == 2
    whole = json.loads(stopped.stdout)
    assert whole["status"] == "not serving"
    assert [each["check"] for each in whole["warnings"]] == ["service"]
    assert whole["releases"]["serves"]["name"] == release_of(site)
    site.wait_until(lambda: warned(site) == ["OMERO.server"], 30, "no other warning")


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        ({"web_config": {"omero.web.page_size": 77}}, "omero config get omero.web.page_size"),
        ({"web_config": {"omero.web.wsgi_workers": 3}}, "omero config get omero.web.wsgi_workers"),
        (
            {"web_config": {"omero.web.application_server.port": 4091}},
            "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:4091/webclient/login/",
        ),
        ({"web_config": LINE}, "curl -sI http://127.0.0.1/webclient/login/ | grep -i x-changed"),
        ({"web_open_files": 70000}, "systemctl show -P LimitNOFILE omero-web | grep 70000"),
        ({}, "true"),
    ],
    ids=["property", "workers", "port", "nginx", "unit", "all taken back"],
)
def test_a_change_costs_no_visitor_a_request(
    site: Host, source: Host, keys: list[str], data: dict[str, Any], changed: str
) -> None:
    deployed = load.during(source, site, lambda: deploy(docker_inventory(site, **data)))
    assert not deployed.failed, deployed
    assert site.run(changed).stdout.strip() or changed == "true"
    assert living(site, keys) == SESSIONS
    if not data:  # nothing is left of a port that is no more
        assert ":0FFB 00000000:0000 0A" not in site.read("/proc/net/tcp")
        assert deploy(docker_inventory(site)).changed_operations == ()


def test_another_release_and_the_way_back_cost_no_visitor_a_request(
    site: Host, source: Host, keys: list[str], tmp_path: Path
) -> None:
    before = release_of(site)
    # as if there had been others: the one before this, and an older one
    site.run(
        f"cd {BASE}/releases; mkdir -p aaaaaaaaaaaa bbbbbbbbbbbb cccccccccccc; "
        "touch aaaaaaaaaaaa/complete; touch -d yesterday aaaaaaaaaaaa/served; "
        "touch -d '2 days ago' bbbbbbbbbbbb/served; "
        f"ln -sfT {BASE}/releases/aaaaaaaaaaaa {BASE}/previous"
    )
    lock = another_release(tmp_path)
    report = load.during(
        source, site, lambda: deploy(docker_inventory(site, web_requirements=lock))
    )
    assert not report.failed, report
    ours = release_of(site)
    assert ours != before
    # the last three that have served are kept
    assert {*site.run(f"ls {BASE}/releases").stdout.split()} == {"aaaaaaaaaaaa", before, ours}
    for wrong in ("''", "nonsense", f"{before}x", "../..", f"{before} {ours}"):
        for user in ("root", "omero-web"):
            refused = site.run(f"omeroweb-ops release rollback {wrong}", user=user, check=False)
            assert refused.exit_code in (1, 2)
            assert re.search("there is no release|usage:", refused.stderr), refused
    # what a page opened before the change names
    site.run(f"echo old > {BASE}/releases/{before}/static/only-then.css")
    assert site.http("/static/only-then.css").text == "old\n"
    listed = site.run("omeroweb-ops release list").stdout
    assert re.search(rf"{ours} +serves +5\.33\.2", listed)
    assert re.search(rf"{before} +before", listed)

    report = load.during(
        source, site, lambda: site.run("omeroweb-ops release rollback", user="omero-web")
    )
    assert not report.failed, report
    assert release_of(site) == before
    assert {p.cmdline.split()[0] for p in site.processes("gunicorn")} == {
        f"{BASE}/releases/{before}/bin/python"
    }
    assert living(site, keys) == SESSIONS
    deploy(docker_inventory(site))


def counted(site: Host) -> int:
    """Requests that the metrics know of, all of them GET here."""
    text = site.run("curl -s http://127.0.0.1/ops/metrics").stdout
    lines = [line for line in text.splitlines() if line.startswith("omeroweb_http_requests_total{")]
    assert lines, text
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def test_the_metrics_count_on_over_a_hand_over(site: Host) -> None:
    for _ in range(2):
        before, old = counted(site), {*pids(site)["omero-web"]}
        for _ in range(20):
            assert site.http("/webclient/login/").status_code == 200
        assert [counted(site) for _ in range(6)] == [before + 20] * 6
        site.run("systemctl reload omero-web && omeroweb-ops ready --current")
        site.wait_until(lambda old=old: not old & {*pids(site)["omero-web"]}, 40, "new ones alone")  # type: ignore[misc]
        now = counted(site)
        assert now >= before + 20  # waiting for the new ones asks for the login page too
        assert [counted(site) for _ in range(6)] == [now] * 6


def hangs(site: Host, folder: Path) -> dict[str, Any]:
    """A release that starts, and whose pages never come."""
    files = {"urls.py": "import time\ntime.sleep(3600)\nurlpatterns = []\n"}
    wheel = str(plugin(folder, "hangs", files))
    return {"web_plugins": [{"package": "hangs", "app": "hangs", "wheel": wheel}]}


def fails_as_a_service(site: Host, folder: Path) -> dict[str, Any]:
    """A release that does all it should until systemd runs it."""
    code = (
        "import os\nfrom django.core.handlers.base import BaseHandler\n"
        "if 'INVOCATION_ID' in os.environ:\n"
        "    def fail(self, request):\n        raise RuntimeError('only as a service')\n"
        "    BaseHandler.get_response = fail\n"
    )
    wheel = str(plugin(folder, "moody", {"models.py": code}))
    return {"web_plugins": [{"package": "moody", "app": "moody", "wheel": wheel}]}


def has_no_room(site: Host, folder: Path) -> dict[str, Any]:
    """A disk that is full in the middle of the build."""
    site.run(
        # without those that never served: the build removes them, which would make room
        f"cd {BASE}/releases && for each in *; do [ -e $each/served ] || rm -rf $each; done; "
        f"cd {BASE} && size=$(du -sm releases | cut -f1) && mkdir -p /mnt/small && "
        "mount -t tmpfs -o size=$((size + 60))m,mode=755 tmpfs /mnt/small && "
        "cp -a releases/. /mnt/small && mount --bind /mnt/small releases"
    )
    return {"web_requirements": another_release(folder, "no room")}


def has_no_index(site: Host, folder: Path) -> dict[str, Any]:
    """A package index that is away, and nothing of it kept here."""
    site.run("mv /var/cache/omeroweb-ops/uv /var/cache/omeroweb-ops/uv.away")
    site.write("/etc/pip.conf", "[global]\nindex-url = http://127.0.0.1:9/simple\n")
    return {"web_requirements": another_release(folder, "no index")}


GRID = f"{BASE}/OMERO.web/etc/grid"


def has_no_room_for_its_configuration(site: Host, folder: Path) -> dict[str, Any]:
    """A disk that is full once the release is linked."""
    site.run(
        f"size=$(du -sk {GRID} | cut -f1) && mkdir -p /mnt/grid && "
        "mount -t tmpfs -o size=$((size + 16))k,mode=750,uid=omero-web,gid=omero-web tmpfs "
        f"/mnt/grid && cp -a {GRID}/. /mnt/grid && mount --bind /mnt/grid {GRID}"
    )
    long = {"omero.web.login.client_downloads_base": "x" * 50_000}
    return {"web_requirements": another_release(folder, "no room for it"), "web_config": long}


_AS_BEFORE = (
    f"if mountpoint -q {GRID}; then umount {GRID} /mnt/grid; fi; "
    f"if mountpoint -q {BASE}/releases; then umount {BASE}/releases /mnt/small; fi; "
    "rm -f /etc/pip.conf; cd /var/cache/omeroweb-ops; [ ! -d uv.away ] || "
    "{ rm -rf uv; mv uv.away uv; }"
)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (hangs, "the login page does not answer within 60 s"),
        (fails_as_a_service, "only as a service"),
        (has_no_room, "No space left on device"),
        (has_no_room_for_its_configuration, r"No space left on device: '/opt/.*/grid/"),
        (has_no_index, "127.0.0.1:9"),
    ],
)
def test_a_release_that_fails_leaves_the_old_one_serving(
    site: Host,
    source: Host,
    tmp_path: Path,
    broken: Callable[[Host, Path], dict[str, Any]],
    said: str,
) -> None:
    before = release_of(site)
    try:
        text = docker_inventory(site, **broken(site, tmp_path))
        with load.visitors(source, site) as report:
            run = deploy(text, expect=1)
        left = site.run(
            f"for each in {BASE}/releases/*; do [ -e $each/complete ] || echo $each; done"
        )
    finally:
        site.run(_AS_BEFORE)
    assert re.search(said, run.output), run.output[-3000:]
    assert not report.failed, report
    assert release_of(site) == before
    assert left.stdout == ""  # half a release would fill the disk for the next one
    # nothing but what describes the site, where it went wrong late
    assert {*deploy(docker_inventory(site)).changed_operations} <= {"OMERO.web | Write files"}


GALLERY = """
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path
urlpatterns = [
    path("", lambda request: HttpResponse("<title>Gallery</title>"), name="ours_index"),
    path(
        "sign-in/",
        lambda request: HttpResponseRedirect("https://id.example.org/saml"),
        name="ours_login",
    ),
]
"""


def test_a_site_with_its_own_pages_and_single_sign_on_is_deployed_and_decides_what_stays(
    site: Host, source: Host, tmp_path: Path
) -> None:
    wheel = str(plugin(tmp_path, "ours", {"urls.py": GALLERY}))
    ours = {"omero.web.root_application": "ours", "omero.web.login_view": "ours_login"}

    def inventory(text: str, **more: Any) -> str:
        return docker_inventory(
            site,
            web_plugins=[{"package": "ours", "app": "ours", "wheel": wheel}],
            web_config={**ours, **more},
            web_checks=[{"url": "/", "text": text}, {"url": "/webclient/", "status": 302}],
        )

    run = deploy(inventory("Gallery"))
    # a job that deploys and then tests sees the new site, from the first request on
    assert {site.http("/").text for _ in range(40)} == {"<title>Gallery</title>"}
    assert f"OMERO.web is at http://{site.ip}/" in run.output
    checked = json.loads(site.run("omeroweb-ops doctor --json --url http://localhost/").stdout)
    (login,) = (each for each in checked["checks"] if each["name"] == "login page")
    assert (login["status"], login["setting"]) == ("info", "omero.web.login_view")
    assert "leads to id.example.org" in login["message"]
    assert deploy(inventory("Gallery")).changed_operations == ()

    with load.visitors(source, site, "/") as report:
        run = deploy(inventory("Welcome", **{"omero.web.page_size": 123}), expect=1)
    assert "web_checks: / must have the text 'Welcome', not: <title>Gallery" in run.output
    assert not report.failed, report
    assert "123" not in site.run("omero config get omero.web.page_size", check=False).stdout
    assert site.http("/").text == "<title>Gallery</title>"

    deploy(docker_inventory(site))
    assert_serves(site)
    assert site.run(f"ls {BASE}/state/checks.json", check=False).exit_code != 0


def executed_files(site: Host) -> str:
    """The digest of each file outside of the releases that root or OMERO.web executes or reads."""
    return site.run(
        f"find {BASE} /usr/local/bin /etc/systemd/system /etc/cron.d /etc/sudoers.d -type f "
        f"-not -path '{BASE}/releases/*' -not -path '{BASE}/OMERO.web/*' -exec sha256sum {{}} + "
        "| sort -k2"
    ).stdout


def test_a_deploy_that_is_refused_writes_nothing_that_the_active_release_executes(
    site: Host,
) -> None:
    before = executed_files(site)
    assert f"{BASE}/gunicorn.conf.py" in before
    middleware = [{"index": 9, "class": "nowhere.Nothing"}]
    run = deploy(
        docker_inventory(
            site,
            web_graceful_timeout=33,  # is in gunicorn.conf.py and in the unit
            web_config_append={"omero.web.middleware": middleware},
        ),
        expect=1,
    )
    assert "nowhere" in run.output
    assert "the active one stays in use" in run.output
    assert executed_files(site) == before
    site.run("systemctl restart omero-web && omeroweb-ops ready --timeout 60")
    assert_serves(site)
    assert deploy(docker_inventory(site)).changed_operations == ()


def test_a_client_that_stalls_holds_up_no_change(site: Host, source: Host) -> None:
    site.run(
        'setsid bash -c \'exec 3<>/dev/tcp/127.0.0.1/4080; printf "GET / HTTP/1.1\\r\\nX: " >&3; '
        "sleep 300' > /dev/null 2>&1 & echo $! > /tmp/stalled"
    )
    try:
        # the second one while the first master still has its visitor
        for config, size in (({"omero.web.page_size": 31}, "31"), ({}, "")):
            text = docker_inventory(site, web_config=config)
            with load.visitors(source, site) as report:
                deploy(text)
            assert not report.failed, report
            assert site.run("omero config get omero.web.page_size").stdout.strip() == size
    finally:
        site.run("kill $(cat /tmp/stalled)", check=False)


SLOW = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", 4080)) as visitor:
    visitor.sendall(b"GET /webclient/login/ HTTP/1.0\\r\\nHost: localhost\\r\\n")
    time.sleep(6)
    visitor.sendall(b"\\r\\n")
    print(visitor.makefile("rb").readline().decode())
"""


@pytest.mark.parametrize("before", ["systemctl reload omero-web", "true"])
def test_a_request_under_way_ends_before_its_gunicorn_does(site: Host, before: str) -> None:
    """After a hand-over too, when the main process is no child of systemd's: whichever master
    has the request, systemd would kill it at once."""
    site.run("systemctl reload omero-web; omeroweb-ops ready --current")
    site.write("/tmp/slow.py", SLOW)
    site.run("python3 /tmp/slow.py > /tmp/slow 2>&1 & sleep 1")
    site.run(f"{before}; omeroweb-ops ready --current; systemctl restart omero-web")
    assert "200" in site.read("/tmp/slow")


def test_a_restart_costs_no_visitor_a_request_and_stopped_is_stopped(
    site: Host, source: Host
) -> None:
    """systemd holds the socket: visitors wait. In the middle of a hand-over, too, when two masters
    have visitors."""
    with load.visitors(source, site) as report:
        for into in (0.2, 0.6, 1.0, 1.4, 5):  # seconds
            site.run(f"systemctl reload omero-web; sleep {into}; omero web restart")
    assert not report.failed, report
    site.run("systemctl stop omero-web")  # by systemd's own command
    inactive = "! systemctl is-active -q omero-web.socket omero-web.service"
    site.wait_until(lambda: site.run(inactive, check=False).exit_code == 0, 10, "both stopped")
    assert site.http("/webclient/login/").status_code == 503
    assert not site.processes("gunicorn")
    site.run("omero web start")
    assert_serves(site)


def test_workers_that_hang_are_noticed_and_replaced(site: Host) -> None:
    """gunicorn has no watchdog: stopped by a signal, master and workers."""
    site.wait_until(lambda: len(pids(site)["omero-web"]) == 6, 20, "a master and five workers")
    before = pids(site)["omero-web"]
    site.kill(*before, signal="STOP")
    site.wait_until(
        lambda: site.http("/webclient/login/", timeout=5).status_code == 200, 60, "an answer again"
    )
    assert not {*before} & {process.pid for process in site.processes("gunicorn")}


KILLS: dict[str, Callable[[Host], list[int]]] = {
    "worker": lambda host: random.sample(pids(host)["omero-web"][1:], 1),
    "master": lambda host: [master(host)],
    "redis": lambda host: pids(host)["redis"],
    "nginx": lambda host: pids(host)["nginx"],
}


def test_crashes_at_random_log_nobody_out(site: Host, source: Host, keys: list[str]) -> None:
    """In turn and together; a visitor sees the page at worst, unless NGINX itself is away."""
    deploy(docker_inventory(site))
    assert living(site, keys) == SESSIONS
    chosen = random.Random(20)
    with load.visitors(source, site) as report:
        for number in range(12):
            names = [[*KILLS][number % 4]] if number < 8 else chosen.sample([*KILLS], 2)
            victims = [pid for name in names for pid in KILLS[name](site)]
            site.kill(*victims)
            site.wait_until(lambda: whole(site), 10, f"everything back after {names}")
            assert not {*victims} & {pid for each in pids(site).values() for pid in each}
    assert {*report.answers} <= {200, 503}, report
    assert living(site, keys) == SESSIONS


def whole(site: Host) -> bool:
    """Every part answers."""
    asked = "omero web status && omero-web-redis ping && systemctl is-active nginx redis-server"
    return (
        site.run(asked, check=False).exit_code == 0
        and site.http("/webclient/login/", timeout=10).status_code == 200
    )


def test_sessions_outlive_redis_and_a_reboot(site: Host, keys: list[str]) -> None:
    site.run("systemctl restart redis-server")
    assert living(site, keys) == SESSIONS
    site.reboot()
    site.wait_until(lambda: whole(site), 60, "everything after boot")
    assert living(site, keys) == SESSIONS
    assert deploy(docker_inventory(site)).changed_operations == ()


def test_the_service_is_shut_in(site: Host) -> None:
    printed = site.run("systemd-analyze security omero-web | tail -n 3").stdout
    found = re.search(r"exposure level for omero-web.service: ([\d.]+)", printed)
    assert found
    assert float(found[1]) <= 2.0
