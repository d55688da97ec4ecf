"""Redis on one systemd host: who may do what, and that nobody is logged out, whatever happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.integration.conftest import MakeHost
from tests.integration.hosts import CommandFailed, Host, deploy, docker_inventory, wait_until
from tests.integration.site_checks import assert_maintenance, assert_serves, django, master, pids

SOCKET = "/var/lib/omero-web-redis/redis.sock"
LOGIN = "/webclient/login/"
# Every request of a visitor with a session writes it, as many of OMERO.web's do.
SAVING = {"omero.web.django_additional_settings": [["SESSION_SAVE_EVERY_REQUEST", True]]}
EARLIER_REDIS = """bind 127.0.0.1
port 6379
protected-mode yes
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
requirepass "sixteen characters"
"""
STORE = (
    "from importlib import import_module\nfrom django.conf import settings\n"
    "S = import_module(settings.SESSION_ENGINE).SessionStore\n"
)


def earlier_caches() -> dict[str, Any]:
    return {
        name: {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:6379/{number}",
            "OPTIONS": {"PASSWORD": "sixteen characters"},
        }
        for name, number in (("default", 0), ("sessions", 1))
    }


def inventory(host: Host, **data: Any) -> str:
    return docker_inventory(host, web_config_append=SAVING, **data)


def new_session(host: Host, then: str = "pass") -> str:
    """then: Python that follows in the same process, once the session is stored."""
    return django(host, f"{STORE}s = S(); s['who'] = 'ada'; s.save(); print(s.session_key)\n{then}")


def who(host: Host, key: str) -> str:
    return django(host, f"{STORE}print(S({key!r}).get('who'))")


def visit(host: Host, key: str, **request: Any) -> requests.Response:
    return host.http(LOGIN, headers={"Cookie": f"sessionid={key}"}, **request)


def assert_still_logged_in(host: Host, key: str) -> None:
    """The visitor's own requests have not ended the session, and it is the same."""
    wait_until(lambda: visit(host, key).status_code == 200, 30, "200 with the session")
    assert who(host, key) == "ada"


@contextmanager
def visited(host: Host, key: str | None = None) -> Iterator[list[str]]:
    """Visits all the time, with a session or without; what a visitor should never meet is in the
    list."""
    wrong: list[str] = []
    done = threading.Event()

    def visitor() -> None:
        while not done.wait(0.05):
            try:
                answer = visit(host, key or "", timeout=120)
            except requests.RequestException as error:
                wrong.append(repr(error))
                continue
            known = answer.status_code == 200 or "OMERO.web - Maintenance" in answer.text
            if not known or (key and answer.cookies.get("sessionid", key) != key):
                wrong.append(f"{answer.status_code} {answer.headers}")

    thread = threading.Thread(target=visitor)
    thread.start()
    try:
        yield wrong
    finally:
        done.set()
        thread.join()


def redis_cli(host: Host, *words: str, user: str | None = None, as_: str = "omero-web") -> str:
    """What Redis says to a user of its own, asked over the socket by one of the host."""
    login = ["--user", user, "--pass", "", "--no-auth-warning"] if user else []
    done = host.run(["redis-cli", "-s", SOCKET, *login, *words], user=as_, check=False)
    return (done.stdout + done.stderr).strip()


@pytest.fixture(scope="module")
def site(
    make_session_host: MakeHost,
    deployed_systemd_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Host]:
    """A site as the bundle made it before Redis had users, deployed once more.

    Its sessions are pickles, which are not read again: who is logged in logs in once more.
    """
    with make_session_host("systemd", image=deployed_systemd_image) as host:
        secrets = tmp_path_factory.mktemp("redis") / "secrets.yml"
        secrets.write_text("redis_password: sixteen characters\n")
        secrets.chmod(0o600)
        own = {"web_config": {"omero.web.caches": earlier_caches()}, "redis_port": 6379}
        deploy(inventory(host, **own, web_secrets=str(secrets)))
        host.run("rm -r /etc/systemd/system/redis-server.service.d")
        host.write("/etc/redis/omero-web.conf", EARLIER_REDIS)
        host.run("echo 'include /etc/redis/omero-web.conf' >> /etc/redis/redis.conf")
        host.run("rm -r /var/lib/omero-web-redis /var/lib/omeroweb-ops/redis-admin")
        host.run("systemctl daemon-reload && systemctl restart redis-server")
        key = new_session(host)
        host.run("rm -r /etc/omero-web-redis")
        # redis' own directory: nothing that it puts there leads root elsewhere
        host.run("echo secret > /root/victim; chmod 600 /root/victim")
        links = ("omero-web.conf.new", "omero-web-admin.conf", "omero-web-admin.conf.new")
        for name in (*links, "redis.conf.new"):
            host.run(f"setpriv --reuid redis --clear-groups ln -s /root/victim /etc/redis/{name}")
        with visited(host) as wrong:
            deploy(inventory(host))
        assert not wrong
        assert visit(host, key).status_code == 200
        assert who(host, key) == "None"
        assert host.run("stat -c '%U %a %s' /root/victim").stdout.strip() == "root 600 7"
        assert not host.exists("/etc/redis/omero-web.conf")
        assert "unix://" in host.run("omero config get omero.web.caches").stdout
        assert deploy(inventory(host)).changed_operations == ()
        yield host


def test_debian_s_configuration_is_as_the_package_has_it(site: Host) -> None:
    """Else an upgrade of the package would ask, and unattended upgrades would leave it out."""
    assert site.run("dpkg --verify redis-server", check=False).stdout == ""


def test_the_socket_is_omero_web_s_and_redis_alone(site: Host) -> None:
    stats = site.run(f"stat -c '%a %U:%G' {SOCKET} $(dirname {SOCKET})").stdout.split("\n")
    assert stats[:2] == ["660 redis:omero-web", "2750 redis:omero-web"]
    assert redis_cli(site, "ping", user="omero-web") == "PONG"
    assert redis_cli(site, "ping").startswith("NOAUTH")  # the default user is off
    assert "Permission denied" in redis_cli(site, "ping", as_="www-data")


def test_a_user_of_the_host_reaches_nothing(site: Host) -> None:
    site.run("useradd eve")
    assert site.run("getent group omero-web").stdout.strip().endswith(":")  # no member
    for user in (None, "omero-web", "default"):
        assert "Permission denied" in redis_cli(site, "ping", user=user, as_="eve")
    assert "Connection refused" in site.run("redis-cli ping", user="eve", check=False).stderr
    for path in ("/etc/omero-web-redis/omero-web.conf", "/var/lib/omeroweb-ops/redis-admin"):
        assert site.run(["cat", path], user="eve", check=False).exit_code != 0


def test_what_somebody_puts_into_redis_is_data_and_no_code(site: Host) -> None:
    """Whoever can write there (another service, who is between two hosts) is not OMERO.web."""
    key = "a" * 32
    pickled = (
        "import os, pickle, sys\n"
        "class P:\n"
        "    def __reduce__(self): return os.mkdir, ('/opt/omero/web/OMERO.web/var/planted',)\n"
        "sys.stdout.buffer.write(pickle.dumps(P()))"
    )
    for number, name in ((1, f"django.contrib.sessions.cache{key}"), (0, "planted")):
        for version in (1, 2):
            site.run(
                f'python3 -c "{pickled}" | omero-web-redis -n {number} -x set :{version}:{name}'
            )
    assert visit(site, key).status_code == 200
    assert who(site, key) == "None"
    assert (
        django(site, "from django.core.cache import cache\nprint(cache.get('planted'))") == "None"
    )
    assert not site.exists("/opt/omero/web/OMERO.web/var/planted")
    # a session is JSON, and what JSON does not have is kept in the cache
    key = new_session(site)
    stored = site.run(f"omero-web-redis -n 1 get :2:django.contrib.sessions.cache{key}").stdout
    assert json.loads(stored) == {"who": "ada"}
    kept = (
        "from django.core.cache import cache as c\nfrom omeroweb.connector import Connector\n"
        "c.set('kept', Connector(1, True, omero_session_key='k')); c.set('png', b'\\x89PNG')\n"
        "print(c.get('kept').omero_session_key, c.get('png'))"
    )
    assert django(site, kept) == "k b'\\x89PNG'"


def test_omero_web_may_use_the_store_and_not_the_server(site: Host) -> None:
    key, user = new_session(site), "omero-web"
    for allowed in ("ping", "dbsize", "info memory", "set a b ex 9 nx", "get a", "-n 5 flushdb"):
        said = redis_cli(site, *allowed.split(), user=user)
        assert "NOPERM" not in said, allowed
    for refused in (
        "flushall", "config get dir", "config set dir /tmp", "acl list", "keys *", "shutdown",
        "monitor", "swapdb 0 1", "client list", "client kill id 1", "bgsave",
        "replicaof no one", "function flush", "eval 1 0", "evalsha a 0", "script load a",
        "module list", "save", "slowlog get",
    ):  # fmt: skip
        assert redis_cli(site, *refused.split(), user=user).startswith("NOPERM"), refused
    assert who(site, key) == "ada"


def test_what_django_redis_does_is_allowed(site: Host) -> None:
    said = django(
        site,
        "from django.core.cache import cache as c\n"
        "c.set('a', 1, 60); c.add('b', 2); c.touch('a', 90); c.get_or_set('d', 4)\n"
        "c.set_many({'e': 5, 'f': 6}); print(c.get_many(['a', 'b', 'e']), c.has_key('f'))\n"
        "c.delete_many(['e']); c.delete_pattern('f*'); print(c.ttl('a') > 60, c.get('f'))\n"
        "c.clear(); print(c.get('a'))",
    )
    assert said.split("\n") == ["{'a': 1, 'b': 2, 'e': 5} True", "True None", "None"]


def test_root_of_the_host_may_do_everything_and_nobody_else(site: Host) -> None:
    assert site.run("omero-web-redis config get maxmemory-policy").stdout.split()[1] == "noeviction"
    assert int(site.run("omero-web-redis config get maxmemory").stdout.split()[1]) >= 64 << 20
    assert site.run("omero-web-redis ping", user="omero-web", check=False).exit_code != 0
    visit(site, new_session(site))
    clients = site.run("omero-web-redis client list").stdout
    assert "user=omero-web " in clients
    secret = site.run("cat /var/lib/omeroweb-ops/redis-admin").stdout.strip()
    assert len(secret) >= 32
    assert secret not in site.run("cat /etc/redis/*.conf /etc/omero-web-redis/*.conf").stdout


def test_a_login_is_kept_even_if_redis_is_killed_the_moment_after(site: Host) -> None:
    keys = [new_session(site)]
    for _ in range(3):  # one after the other: systemd's own limit is five in ten seconds
        (redis,) = site.processes("^/usr/bin/redis-server")
        keys.append(new_session(site))
        site.kill(redis.pid)
        assert_still_logged_in(site, keys[0])
    assert [who(site, key) for key in keys] == ["ada"] * len(keys)
    site.run("systemctl restart redis-server")
    for key in keys:
        assert_still_logged_in(site, key)


def test_while_redis_is_stopped_everyone_gets_the_page_and_stays_logged_in(site: Host) -> None:
    key = new_session(site)
    assert visit(site, key).status_code == 200
    before = pids(site)["omero-web"]
    log = "/opt/omero/web/OMERO.web/var/log/OMEROweb.log"
    tracebacks = site.read(log).count("Traceback")
    site.run("systemctl stop redis-server")
    for path in ("/", LOGIN, "/webclient/", "/webgateway/render_thumbnail/1/"):
        assert_maintenance(site, path)
        assert_maintenance(site, path, headers={"Cookie": f"sessionid={key}"})
        assert_maintenance(site, path, method="POST", data={"username": "x"})
    assert site.http("/api/v0/").json()["error"] == "maintenance"
    own = site.run(["curl", "-si", "http://127.0.0.1:4080/webclient/"]).stdout
    assert own.startswith("HTTP/1.1 503")
    assert "Retry-After:" in own
    assert "Set-Cookie" not in own
    assert "Traceback" not in own
    site.run("systemctl start redis-server")
    assert_still_logged_in(site, key)
    assert pids(site)["omero-web"] == before
    assert site.read(log).count("Traceback") == tracebacks
    said = site.run("journalctl -u omero-web -o cat").stdout
    assert "the session store fails: Error" in said


def test_a_redis_that_hangs_holds_nobody_up_for_long(site: Host) -> None:
    key = new_session(site)
    (redis,) = site.processes("^/usr/bin/redis-server")
    site.kill(redis.pid, signal="STOP")
    try:
        assert visit(site, key, timeout=30).status_code == 503
        assert visit(site, key, method="POST", timeout=30).status_code == 503
    finally:
        site.kill(redis.pid, signal="CONT")
    assert_still_logged_in(site, key)


def test_a_full_redis_refuses_what_is_new_and_drops_nothing(site: Host) -> None:
    key, limit = new_session(site), site.run("omero-web-redis config get maxmemory").stdout.split()
    used = site.run("omero-web-redis info memory").stdout.split("used_memory:")[1].split()[0]
    try:
        site.run(f"omero-web-redis config set maxmemory {int(used) * 10 // 9}")
        done = site.run("omeroweb-ops doctor --json", check=False)
        found = {each["name"]: each for each in json.loads(done.stdout)["checks"]}["sessions"]
        assert (found["status"], found["setting"]) == ("warning", "redis_maxmemory")
        site.run("omero-web-redis config set maxmemory 1mb")
        with pytest.raises(CommandFailed, match=r"OutOfMemory|maxmemory"):
            new_session(site)
        ready = json.loads(site.run("curl -s http://127.0.0.1/ops/ready").stdout)
        assert (ready["ready"], ready["session_store"]) == (False, "OutOfMemoryError")
        assert who(site, key) == "ada"
        assert_maintenance(site, LOGIN, headers={"Cookie": f"sessionid={key}"})
        assert site.http(LOGIN).status_code == 200  # which writes nothing
    finally:
        site.run(f"omero-web-redis config set maxmemory {limit[1]}")
    assert_still_logged_in(site, key)


def test_nginx_and_redis_killed_together_come_back(site: Host) -> None:
    key = new_session(site)
    for _ in range(2):
        killed = {name: pids(site)[name] for name in ("redis", "nginx")}
        site.kill(*killed["redis"], *killed["nginx"], master(site))
        assert_still_logged_in(site, key)
        now = pids(site)
        assert not [pid for name in killed for pid in now[name] if pid in killed[name]]
    assert_serves(site)


def test_packages_installed_again_keep_sessions_and_configuration(site: Host) -> None:
    key = new_session(site)
    with visited(site, key) as wrong:
        site.run(
            "apt-get update -q && "
            "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --reinstall redis-server "
            "nginx nginx-common",
            timeout=600,
        )
    assert not [each for each in wrong if "Connection" not in each]  # NGINX starts anew once
    assert_still_logged_in(site, key)
    assert len(site.processes("^/usr/bin/redis-server")) == 1
    assert redis_cli(site, "ping").startswith("NOAUTH")
    assert deploy(inventory(site)).changed_operations == ()


def test_a_reboot_logs_nobody_out(site: Host) -> None:
    key = new_session(site)
    site.reboot()
    assert_still_logged_in(site, key)
    assert all(pids(site).values())
