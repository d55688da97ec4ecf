"""What a host prints for a backup, beside a hostile user: links, pipes and endless files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from roles.backup import host_files
from roles.backup.contents import WEB_PATTERN
from roles.operations import shell_file
from roles.operations.privilege import with_functions
from tests.operations.local import programs

USER = "daemon"
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root and a second user")


class Site:
    """A host's directories below one of the test's own."""

    def __init__(self, place: Path) -> None:
        self.base = place / "web"
        self.omerodir = self.base / "OMERO.web"
        self.grid, self.var = self.omerodir / "etc/grid", self.omerodir / "var"
        self.sessions = self.var / "sessions"
        self.tls = place / "tls"
        self.letsencrypt, self.nginx = place / "letsencrypt", place / "site.conf"
        self.redis = place / "bin/redis"
        for each in (self.grid, self.sessions, self.base / "state", self.tls):
            each.mkdir(parents=True)
        (self.grid / "config.xml").write_text("<icegrid/>")
        (self.var / "django_secret_key").write_text("secret")
        (self.tls / "key.pem").write_text("key")
        for each in (self.grid, self.var):
            subprocess.run(["chown", "-R", USER, each], check=True)

    def as_user(self, command: str) -> None:
        subprocess.run(["runuser", "-u", USER, "--", "sh", "-c", command], check=True, cwd="/")

    def lines(self) -> list[str]:
        script = shell_file.command(
            (Path(host_files.__file__).parent / "host_files.sh").read_text(),
            base=self.base,
            omerodir=self.omerodir,
            user=USER,
            nginx_site=self.nginx,
            nginx_tls=self.tls,
            letsencrypt=self.letsencrypt,
            redis=self.redis,
            web_files=WEB_PATTERN,
            sessions="yes",
            max_file=100_000,
            max_sessions=1_000_000,
        )
        done = subprocess.run(
            ["sh", "-c", with_functions(script)], capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    def files(self) -> dict[str, bytes]:
        """The contents by the end of the path."""
        found = host_files._entries(host_files.read(self.lines()))
        return {Path(entry.path).name: text for entry, text in found if entry.kind == "file"}


@pytest.fixture
def site() -> Iterator[Site]:
    place = Path(tempfile.mkdtemp(prefix="backup-"))
    place.chmod(0o755)
    yield Site(place)
    shutil.rmtree(place)


def test_the_parts_of_an_installation_are_printed(site: Site) -> None:
    site.as_user(f"echo a session > {site.sessions}/sessionid0123")
    assert site.files() == {
        "config.xml": b"<icegrid/>",
        "django_secret_key": b"secret",
        "key.pem": b"key",
        "sessionid0123": b"a session\n",
    }


@pytest.mark.parametrize(
    "hostile",
    [
        "ln -sf /etc/shadow {grid}/config.xml",
        "rm {grid}/config.xml; mkfifo {grid}/config.xml",
        "rm {grid}/config.xml; truncate -s 10G {grid}/config.xml",
        "rm -r {grid}/*; mkdir {grid}/config.xml",
        "rm {var}/django_secret_key; ln -s / {var}/django_secret_key",
    ],
)
def test_a_hostile_configuration_is_not_followed(site: Site, hostile: str) -> None:
    site.as_user(hostile.format(grid=site.grid, var=site.var))
    found = site.files()
    assert len(found) == 2 and b"root" not in b"".join(found.values())


@pytest.mark.parametrize(
    "hostile",
    [
        "ln -s /etc/shadow {sessions}/sessionid1",
        "mkfifo {sessions}/sessionid1",
        "mkdir {sessions}/sessionid1",
        "truncate -s 1G {sessions}/sessionid1",
        "touch '{sessions}/-I' '{sessions}/--to-command=id' '{sessions}/a b'",
        "touch \"$(printf '{sessions}/a\\nb')\" || true",
    ],
)
def test_hostile_sessions_are_left_out(site: Site, hostile: str) -> None:
    site.as_user(hostile.format(sessions=site.sessions))
    assert {"config.xml", "django_secret_key", "key.pem"} == {*site.files()} - {"a", "b"}


def test_root_reads_nothing_that_another_user_may_replace(site: Site) -> None:
    os.chown(site.tls.parent, 1, 1)
    with pytest.raises(ValueError, match="'root' ends with status"):
        site.files()


def test_certbot_s_certificates_of_the_site_are_printed_and_no_others(site: Site) -> None:
    for name in ("omero-web", "images.example.org", "other.example.org"):
        for each in (f"live/{name}/privkey.pem", f"archive/{name}/k1", f"renewal/{name}.conf"):
            path = site.letsencrypt / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{each}\n")
    live = site.letsencrypt / "live/images.example.org"
    elsewhere = site.tls.parent / "own.pem"
    elsewhere.write_text("own")
    site.nginx.write_text(
        f"  ssl_certificate {live}/fullchain.pem;\n  ssl_certificate_key {live}/privkey.pem;\n"
        f"  ssl_certificate {elsewhere};\n"
    )
    entries = [entry.path for entry, _ in host_files._entries(host_files.read(site.lines()))]
    found = [path for path in entries if "letsencrypt" in path]
    assert not any("other" in path for path in found)
    assert {Path(path).name for path in found} >= {"omero-web.conf", "images.example.org.conf"}
    assert str(elsewhere) in entries


def test_too_many_sessions_are_an_error_and_no_part_of_them(site: Site) -> None:
    for number in range(3):
        site.as_user(f"head -c 500000 /dev/zero > {site.sessions}/sessionid{number}")
    with pytest.raises(ValueError, match="incomplete"):
        site.files()


def test_redis_keys_are_commands_that_write_them_again(site: Site) -> None:
    script = """case "$*" in
        ping) echo PONG ;;
        "info keyspace") printf '# Keyspace\\r\\ndb0:keys=2,expires=2\\r\\ndb11:keys=1\\r\\n' ;;
        *"0 0") printf '17\\n*3first\\n' ;;
        *"0 17") printf '0\\n*3second\\n' ;;
    esac"""
    programs(site.redis.parent, redis=script)
    select = b"*2\r\n$6\r\nSELECT\r\n$%d\r\n%d\r\n"
    keys = b"*3first\n*3second\n"
    assert site.files()["redis-keys"] == select % (1, 0) + keys + select % (2, 11) + keys


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "incomplete"),
        (["section root", "YQ=="], "incomplete"),
        (["section root", "YQ==", "status 1"], "'root' ends with status 1"),
        (["section root", "YQ", "status 0"], "'root' is incomplete"),
    ],
)
def test_an_incomplete_answer_is_an_error(lines: Sequence[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        host_files.read(lines)
