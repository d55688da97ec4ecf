"""A host without systemd: what is killed comes back; and a Redis that others run, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.certificates import issue
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory, wait_until
from tests.integration.site_checks import assert_serves, django, pids

STORE = (
    "from importlib import import_module\nfrom django.conf import settings\n"
    "S = import_module(settings.SESSION_ENGINE).SessionStore\n"
)
SECRET = "p/ss w@rd"
OTHERS = """port 0
tls-port 6390
tls-cert-file /srv/redis/cert.pem
tls-key-file /srv/redis/key.pem
tls-ca-cert-file /srv/redis/ca.pem
tls-auth-clients no
daemonize yes
dir /srv/redis
user default off
user web on ">p/ss w@rd" ~* +@all -@admin
"""


@pytest.fixture(scope="module")
def host(make_session_host: MakeHost, deployed_image: str) -> Iterator[Host]:
    with make_session_host("plain", image=deployed_image) as host:
        deploy(docker_inventory(host))
        yield host


def new_session(host: Host) -> str:
    return django(host, f"{STORE}s = S(); s['who'] = 'ada'; s.save(); print(s.session_key)")


def who(host: Host, key: str) -> str:
    return django(host, f"{STORE}print(S({key!r}).get('who'))")


def test_a_killed_nginx_s_workers_do_not_hold_its_port(host: Host) -> None:
    key = new_session(host)

    def serves() -> bool:  # a worker may answer 200 before another has asked the store again
        assert_serves(host)
        return True

    for also in ([], pids(host)["redis"]):
        (master,) = host.processes("^nginx: master")
        workers = {process.pid for process in host.processes("^nginx: worker")}
        host.kill(master.pid, *also)

        def replaced(killed: int = master.pid, leftovers: set[int] = workers) -> bool:
            (new,) = host.processes("^nginx: master")
            now = {process.pid for process in host.processes("^nginx: worker")}
            return new.pid != killed and bool(now) and not now & leftovers

        wait_until(replaced, 20, "another NGINX, with workers of its own alone")
        wait_until(serves, 20, "the login page and its files")
    assert who(host, key) == "ada"
    assert deploy(docker_inventory(host)).changed_operations == ()


def test_a_redis_of_others_is_used_with_its_user_and_over_tls(host: Host, tmp_path: Path) -> None:
    authority = issue(authority=True, subject="Facility root")
    issued = issue("redis.example.org", issuer=authority)
    for name, text in (
        ("ca", authority.pem), ("cert", issued.chain), ("key", issued.key_pem)
    ):  # fmt: skip
        host.write(f"/srv/redis/{name}.pem", text)
    host.write("/srv/redis/redis.conf", OTHERS)
    host.run("echo 127.0.0.1 redis.example.org >> /etc/hosts; redis-server /srv/redis/redis.conf")
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(yaml.safe_dump({"redis_user": "web", "redis_password": SECRET}))
    secrets.chmod(0o600)
    text = docker_inventory(
        host,
        ("web", "nginx"),
        web_redis_url="rediss://redis.example.org:6390",
        web_secrets=str(secrets),
    )
    # nobody could log in with it: the site keeps the store that it has
    refused = deploy(text, expect=1)
    assert "certificate verify failed" in refused.output
    assert "the session store cannot be used (web_redis_url" in refused.output
    assert_serves(host)

    host.run("cp /srv/redis/ca.pem /usr/local/share/ca-certificates/facility.crt")
    host.run("update-ca-certificates")
    assert SECRET not in deploy(text).output
    assert_serves(host)
    key = new_session(host)
    asked = host.run(
        "redis-cli --tls -h redis.example.org -p 6390 --cacert /srv/redis/ca.pem --user web "
        "-n 1 keys '*'",
        env={"REDISCLI_AUTH": SECRET},
    )
    assert key in asked.stdout
    assert deploy(text).changed_operations == ()
