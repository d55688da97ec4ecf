"""The survey's look at an existing OMERO.web and Redis, run by a real shell in a folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from roles.survey import existing_installation, existing_redis
from roles.survey.existing_installation import ExistingInstallation
from tests.operations.local import programs, shell

UNIT = "[Service]\nEnvironment=OMERODIR=FOLDER/opt/omero/web/omero-web\nExecStart=omero web start\n"
UPSTREAM = "upstream omeroweb {\n server 127.0.0.1:4080;\n}"  # without a last newline


class Host:
    """A folder in the place of /, whose files are root's unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("strangers", "")
        stat = f'grep -qxF "$3" {folder}/strangers && echo 1000 || echo 0'
        self.stand_ins = programs(folder / "bin", stat=stat)

    def path(self, path: str) -> Path:
        found = self.folder / path.lstrip("/")
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    def write(self, path: str, text: str) -> Path:
        found = self.path(path)
        found.write_text(text.replace("FOLDER", str(self.folder)))
        return found

    def run(self, script: str) -> list[str]:
        script = re.sub(r"(?<![\w}])(?=/(etc|usr|var|opt)/)", str(self.folder), script)
        return shell(script, stand_ins=self.stand_ins).stdout.splitlines()

    def installation(self) -> ExistingInstallation:
        lines = self.run(existing_installation.SCRIPT)
        return existing_installation.read(line.replace(str(self.folder), "") for line in lines)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_nothing_is_found_on_a_new_host(host: Host) -> None:
    for path in ("etc/systemd/system/ssh.service", "etc/cron.d/e2scrub_all", "etc/init.d/cron"):
        host.write(path, "ExecStart=/usr/sbin/sshd\n")
    assert host.installation() == existing_installation.NO_INSTALLATION


def test_the_walkthrough_s_installation_is_found(host: Host) -> None:
    host.write("etc/systemd/system/omero-web.service", UNIT)
    host.write("etc/systemd/system/omero-web.service.d/limits.conf", "")
    host.write("etc/cron.daily/omero-web", "#!/bin/sh\nomero web clearsessions\n")
    host.write("etc/nginx/conf.d/omeroweb.conf", UPSTREAM)
    host.write("opt/omero/web/venv3/bin/omero", "")
    host.write("opt/omero/web/omero-web/etc/grid/config.xml", "<icegrid/>")
    host.path("usr/local/bin/omero").symlink_to("/nowhere")
    assert host.installation() == ExistingInstallation(
        units=("/etc/systemd/system/omero-web.service",),
        dropins=("/etc/systemd/system/omero-web.service.d",),
        crons=("/etc/cron.daily/omero-web",),
        commands=("/usr/local/bin/omero",),
        sites={"/etc/nginx/conf.d/omeroweb.conf": UPSTREAM},
        omerodir="/opt/omero/web/omero-web",
        virtualenv=True,
    )


def test_an_omerodir_that_a_unit_names_is_found_and_ours_comes_first(host: Host) -> None:
    text = UNIT.replace("opt/omero/web/omero-web", "srv/omero")
    host.write("etc/systemd/system/omero-web.service", text)
    host.write("srv/omero/etc/grid/config.xml", "<icegrid/>")
    assert host.installation().omerodir == "/srv/omero"
    host.write("opt/omero/web/OMERO.web/etc/grid/config.xml", "<icegrid/>")
    assert host.installation().omerodir is None


def test_what_is_the_bundle_s_own_is_no_existing_installation(host: Host) -> None:
    own = f"# {existing_installation.MANAGED_MARKER}; changes are overwritten.\n"
    host.write("etc/systemd/system/omero-web.service", own + UNIT)
    host.write("etc/cron.d/omero-web", f"{own}17 3 * * * root omero web clearsessions\n")
    host.write("etc/nginx/conf.d/omero-web.conf", own + UPSTREAM)
    host.write("usr/local/bin/omero", "exec FOLDER/opt/omero/web/bin/service\n")
    host.path("opt/omero/web/releases/a").mkdir(parents=True)
    host.path("opt/omero/web/venv3").symlink_to("releases/a")
    assert host.installation() == existing_installation.NO_INSTALLATION


def test_a_second_omero_web_with_another_name_elsewhere_is_let_alone(host: Host) -> None:
    text = UNIT.replace("opt/omero/web", "srv/second")
    host.write("etc/systemd/system/second.service", text)
    assert host.installation().units == ()
    host.write("etc/systemd/system/second.service", UNIT)  # of our directory, whatever its name
    assert host.installation().units == ("/etc/systemd/system/second.service",)


def test_what_is_not_root_s_is_unsafe(host: Host) -> None:
    """A person's own crontab is the person's; a link may lead anywhere."""
    job = "1 2 * * * FOLDER/opt/omero/web/bin/omero web clearsessions\n"
    stranger = host.write("etc/init.d/omero-web", UNIT)
    tables = host.write("var/spool/cron/crontabs/omero", job)
    host.write("strangers", f"{stranger}\n{tables}\n")
    host.write("srv/omero-web.service", UNIT)
    host.path("etc/systemd/system/omero-web.service").symlink_to(
        host.folder / "srv/omero-web.service"
    )
    host.path("var/spool/cron/crontabs/link").symlink_to(tables)
    found = host.installation()
    assert found.crons == ("/var/spool/cron/crontabs/omero",)
    assert found.units == found.scripts == ()
    assert sorted(found.unsafe) == [
        "/etc/init.d/omero-web",
        "/etc/systemd/system/omero-web.service",
        "/var/spool/cron/crontabs/link",
    ]


# Redis

REDIS_CLI = """
case "$*" in
    ping) cat FOLDER/ping ;;
    "client list") cat FOLDER/clients ;;
    "info keyspace") for file in FOLDER/db[0-9]; do
        [ ! -e "$file" ] || echo "${file##*/}:keys=1,expires=0"; done ;;
    "-n "*" --scan") cat FOLDER/db$2 ;;
esac
"""
SESSION = ":1:django.contrib.sessions.cache" + "a" * 32


@pytest.fixture
def redis(host: Host) -> Host:
    """Debian's Redis, which nobody uses."""
    text = "bind 127.0.0.1\n"
    host.write("etc/redis/redis.conf", text)
    host.write("usr/bin/redis-server", "").chmod(0o755)
    for name, said in (("ping", "PONG\n"), ("clients", "id=3 sub=0 psub=0\n")):
        host.write(name, said)
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    programs(
        host.folder / "bin",
        redis_cli=REDIS_CLI.replace("FOLDER", str(host.folder)),
        dpkg_query=f"echo ' {host.folder}/etc/redis/redis.conf {digest}'",
    )
    return host


def signs(host: Host) -> tuple[str, ...]:
    return existing_redis.read(host.run(existing_redis.SCRIPT))


def test_a_redis_that_nobody_uses_has_no_sign(redis: Host) -> None:
    assert signs(redis) == ()


@pytest.mark.parametrize(
    ("path", "text", "sign"),
    [
        ("etc/redis/redis.conf", "bind 0.0.0.0\n", "configuration"),
        ("ping", "NOAUTH Authentication required.\n", "password"),
        ("db0", "their:key\n", "keys"),
        ("db3", f"{SESSION}\ntheir:key\n", "keys"),
        ("clients", "id=3 sub=0 psub=1\n", "channels"),
    ],
)
def test_each_use_by_others_is_a_sign(redis: Host, path: str, text: str, sign: str) -> None:
    redis.write(path, text)
    assert signs(redis) == (sign,)


def test_keys_of_omero_web_are_no_sign(redis: Host) -> None:
    for number in range(3):
        redis.write(f"db{number}", f"{SESSION}\n:1:omero.web.x\n:2:lut_hash_9\n")
    assert signs(redis) == ()


def test_a_redis_that_is_stopped_may_have_data(redis: Host) -> None:
    redis.write("ping", "")
    redis.write("var/lib/redis/dump.rdb", "x" * 100)
    assert signs(redis) == ()  # as Debian's own leaves it, empty
    redis.write("var/lib/redis/dump.rdb", "x" * 9000)
    assert signs(redis) == ("data",)
    redis.write("var/lib/redis/dump.rdb", "")
    redis.path("var/lib/redis/appendonlydir").mkdir()
    assert signs(redis) == ("data",)


def test_the_databases_of_an_older_bundle_may_hold_anything(redis: Host) -> None:
    redis.write("etc/redis/omero-web.conf", "")
    redis.write("db1", "key of a plugin\n")
    assert signs(redis) == ()
    redis.write("db2", "their:key\n")
    assert signs(redis) == ("keys",)


def test_the_bundle_s_own_redis_is_not_asked(redis: Host) -> None:
    redis.write("db3", "their:key\n")
    redis.write("etc/omero-web-redis/omero-web.conf", "")
    assert signs(redis) == ()
