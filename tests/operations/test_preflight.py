"""Wrong inventories and unfit hosts are refused before anything is touched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, DeployError, Host, Inventory, State

from roles import preflight
from roles.inventory.settings import Settings
from roles.operations import deploy_lock
from roles.operations.lock_holder import Holder
from roles.survey import Survey
from roles.survey.disks import FreeSpace
from roles.survey.existing_installation import ExistingInstallation
from roles.survey.fact import HostSurvey
from roles.web.ice import Wheel
from roles.web.release import Release
from roles.web.service import omero_web
from tests.operations.local import ROOT, names, pyinfra
from tests.unit.helpers import PASSWORD

FIT = Survey(privilege="root", id="debian", version="12", arch="x86_64")
SPLIT = replace(FIT, nft=True, addresses={"10.0.0.5": ("10.0.0.5",)})


def refused(folder: Path, inventory: str) -> str:
    """What `./run pyinfra` says of an inventory that it must refuse.

    With --dry: were it not refused, this machine would still not be changed by a test.
    """
    (folder / "bad_inventory.py").write_text(inventory)
    before = names(folder)
    done = pyinfra("-y", "--dry", "-vv", "--debug", "bad_inventory.py", "deploy.py", folder=folder)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Running command on localhost" not in said, "the host was asked"
    assert "Traceback" not in said
    assert [name for name in names(folder) if name != "__pycache__"] == before
    return said


def test_every_mistake_of_an_inventory_is_listed(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        'redis = (["@local"], {"redis_prot": 6380, "redis_bind": "10.0.0.5"})\n'
        'web = (["@local"], {"web_config": {"omero.web.page_size": "x", "omero.web.debgu": 1}})\n'
        'nginx = (["@local"], {"nginx_tls": {"certificate": "gone.pem", "key": "gone.key"}})\n',
    )
    assert "nothing has been changed" in said
    for part in (
        "@local: redis_prot: there is no such setting; did you mean redis_port?",
        "@local: redis_bind",
        "without a password",
        "@local: omero.web.page_size",
        "@local: omero.web.debgu",
        "did you mean omero.web.debug?",
        "@local: nginx_tls",
        "gone.pem",
    ):
        assert part in said


def test_a_missing_secrets_file_is_one_mistake_with_its_path(tmp_path: Path) -> None:
    said = refused(
        tmp_path, 'web = nginx = (["@local"], {"web_secrets": "secrets.yml", "web_config": {}})\n'
    )
    assert "1 mistake in the inventory" in said
    assert "@local: web_secrets: there is no file" in said
    assert "secrets.yml" in said


def test_a_secrets_file_that_is_no_yaml_is_refused_without_its_text(tmp_path: Path) -> None:
    (tmp_path / "secrets.yml").write_text('redis_password: "hunter2\n')
    (tmp_path / "secrets.yml").chmod(0o600)
    said = refused(tmp_path, 'web = nginx = (["@local"], {"web_secrets": "secrets.yml"})\n')
    assert "secrets.yml is not YAML (line " in said
    assert "hunter2" not in said


Check = Callable[..., Any]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks one host in all groups, or the named hosts in groups, that answer as given."""

    def checked(
        survey: Survey | dict[str, Survey] = FIT,
        /,
        hosts: dict[str, str] | None = None,
        **data: Any,
    ) -> Any:
        hosts = hosts or {"@local": "redis web nginx"}
        groups: dict[str, Any] = {
            group: ([name for name in hosts if group in hosts[name].split()], {})
            for group in ("redis", "web", "nginx")
        }
        inventory = Inventory((list(hosts), data), **groups)
        state = State(inventory, Config())
        for host in inventory:
            state.activate_host(host)

        def get_fact(host: Host, fact: type, **_arguments: object) -> Survey | bool:
            if fact is deploy_lock.IsFree:
                return False
            assert fact is HostSurvey
            return survey[host.name] if isinstance(survey, dict) else survey

        monkeypatch.setattr(Host, "get_fact", get_fact)
        return preflight.check(state, inventory.get_host(next(iter(hosts))))

    return checked


def complaint(check: Check, survey: Any, **data: Any) -> str:
    with pytest.raises(DeployError, match="in the hosts; nothing has been changed") as error:
        check(survey, **data)
    return str(error.value)


def test_a_fit_host_gets_its_part_of_the_site(check: Check) -> None:
    target = check(FIT, redis_maxmemory="1gb")
    assert target.groups >= {"redis", "web", "nginx"}
    assert target.settings.redis_maxmemory == "1gb"
    assert target.site.members == {"@local": target.member}
    assert target.survey == FIT


def test_what_belongs_to_the_connector_or_to_pyinfra_is_no_setting(check: Check) -> None:
    check(FIT, ssh_user="admin", ssh_port=2222, _sudo=True)


def test_another_system_than_debian_is_refused(check: Check) -> None:
    message = complaint(check, replace(FIT, id="rocky"))
    assert "must be Debian or Ubuntu, not rocky" in message


def test_a_python_that_is_too_old_is_refused_with_what_has_a_newer_one(check: Check) -> None:
    message = complaint(check, replace(FIT, python=(3, 10)))
    assert "python3 must be 3.11 or newer, not 3.10" in message
    assert "use Debian 12, Ubuntu 24.04" in message
    for python in ((3, 11), (3, 13), None):  # None: the deploy installs one
        check(replace(FIT, python=python))


def test_a_user_without_privileges_is_refused_with_what_to_write(check: Check) -> None:
    message = complaint(check, replace(FIT, privilege="none"))
    assert "sudo" in message
    assert "/etc/sudoers.d" in message


@pytest.mark.parametrize("state", ["alive", "running"])
def test_a_deploy_that_another_one_never_makes_room_for_is_refused(
    check: Check, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(deploy_lock, "TIMEOUT", 0.2)
    sentence = "anna@laptop has been deploying to this host since 17:05"
    message = complaint(check, replace(FIT, lock=Holder(state, "token", "", sentence)))
    assert f"@local: deploy: {sentence}, and has not ended within" in message


def full(**places: tuple[int, int | None]) -> dict[str, FreeSpace]:
    """Kilobytes and inodes of file systems; their names have _ for /."""
    return {
        path: FreeSpace(*places[mount], f"/{mount}")
        for path, mount in {
            "/opt/omero/web": "opt",
            "/var/cache": "var",
            "/tmp": "var",
            "/var/lib/nginx": "var",
            "/var/lib/redis": "var",
        }.items()
    }


def test_each_full_disk_is_named_with_what_is_written_there(check: Check) -> None:
    room = (9_000_000, 1_000_000)
    check(replace(FIT, disks=full(opt=room, var=(9_000_000, None))))
    message = complaint(check, replace(FIT, disks=full(opt=(100_000, 9), var=room)))
    assert "2 mistakes" in message
    assert "only 97 MB free on /opt for /opt/omero/web; at least 1000 MB must be free" in message
    assert "only 9 inodes (files) free on /opt for /opt/omero/web" in message
    message = complaint(check, replace(FIT, disks=full(opt=room, var=(100_000, None))))
    assert "1 mistake " in message
    assert "on /var for /var/cache, /tmp, /var/lib/nginx, /var/lib/redis; at least" in message


def test_a_full_disk_is_refused_only_where_a_host_s_groups_write(check: Check) -> None:
    full = replace(FIT, disks={"/opt/omero/web": FreeSpace(100_000, None, "/")})
    assert "only 97 MB free" in complaint(check, full)
    hosts = {"@docker/w": "web", "@docker/n": "nginx"}
    surveys = {"@docker/w": SPLIT, "@docker/n": full}
    check(surveys, hosts=hosts, address="10.0.0.5")


@pytest.mark.parametrize(
    ("port", "setting", "data"),
    [
        (80, "nginx_http_port", {}),
        (443, "nginx_https_port", {"nginx_tls": "self-signed"}),
        (4080, "omero.web.application_server.port", {}),
        (
            4090,
            "omero.web.application_server.port",
            {"web_config": {"omero.web.application_server.port": 4090}},
        ),
    ],
)
def test_a_port_that_something_else_holds_is_told_with_its_setting(
    check: Check, port: int, setting: str, data: dict[str, Any]
) -> None:
    held = replace(FIT, listeners={port: "/usr/sbin/apache2 -k start"})
    message = complaint(check, held, **data)
    assert f"@local: {setting}: port {port} is used by /usr/sbin/apache2" in message
    assert f"set another port in {setting}" in message


def test_the_port_of_redis_counts_where_it_has_one(check: Check, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.yml"
    secrets.write_text(f"redis_password: {PASSWORD}\n")
    secrets.chmod(0o600)
    held = replace(FIT, listeners={6379: "/usr/sbin/apache2 -k start"})
    check(held)
    message = complaint(check, held, redis_bind="127.0.0.1", web_secrets=str(secrets))
    assert "@local: redis_port: port 6379 is used by /usr/sbin/apache2" in message


def test_a_configuration_that_redis_cannot_read_is_named(check: Check) -> None:
    message = complaint(check, replace(FIT, redis=("irregular",)), redis_takeover=True)
    assert "@local: /etc/redis/redis.conf: is not a file that Redis can start with" in message
    assert "--reinstall" in message


def test_a_redis_that_others_use_is_refused_unless_the_site_says_that_it_is_its_own(
    check: Check,
) -> None:
    used = replace(FIT, redis=("password", "keys"))
    message = complaint(check, used)
    assert "it asks for a password; it holds keys that are not OMERO.web's" in message
    for remedy in ("another host", "web_redis_url", "redis_takeover = True"):
        assert remedy in message
    check(used, redis_takeover=True)
    check({"@local": SPLIT, "@docker/r": used}, hosts={"@local": "web nginx", "@docker/r": "nginx"},
          address="10.0.0.5")  # fmt: skip


def test_a_holder_that_cannot_be_seen_is_told_too(check: Check) -> None:
    assert "a program that is not visible" in complaint(check, replace(FIT, listeners={80: ""}))


def test_ports_held_by_the_bundle_s_own_programs_are_fine(check: Check) -> None:
    release = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
    service = omero_web(release, Settings(), "systemd", socket=True)
    own = {
        80: "nginx: master process /usr/sbin/nginx -g daemon off;",
        4080: f"/opt/omero/web/venv3/bin/python {service.command}"[:200],
        6379: "/usr/bin/redis-server 127.0.0.1:6379",
    }
    check(replace(FIT, listeners=own))


def test_a_port_that_is_not_needed_may_be_held(check: Check) -> None:
    check(replace(FIT, listeners={443: "/usr/sbin/apache2"}))


def test_a_site_to_be_replaced_that_is_not_alone_in_its_file_is_refused(check: Check) -> None:
    omero = "server { server_name a; location / { proxy_pass http://127.0.0.1:4080; } }\n"
    path = "/etc/nginx/conf.d/omeroweb.conf"
    check(replace(FIT, existing=ExistingInstallation(sites={path: omero})))
    shared = replace(
        FIT, existing=ExistingInstallation(sites={path: omero + "server { server_name b; }"})
    )
    assert f"@local: {path}: has OMERO.web and also b;" in complaint(check, shared)


def test_mistakes_of_all_hosts_are_told_at_once(check: Check) -> None:
    hosts = {"@docker/w": "web", "@docker/n": "nginx"}
    message = complaint(
        check,
        {
            "@docker/w": replace(
                SPLIT, id="rocky", disks={"/opt/omero/web": FreeSpace(0, None, "/")}
            ),
            "@docker/n": replace(FIT, listeners={80: "apache2"}),
        },
        hosts=hosts,
        address="10.0.0.5",
    )
    assert "3 mistakes in the hosts" in message
    for part in ("@docker/w: system", "@docker/w: disk", "@docker/n: nginx_http_port"):
        assert part in message


def test_hosts_that_cannot_find_each_other_are_a_mistake(check: Check) -> None:
    hosts = {"@docker/w": "web", "@docker/n": "nginx"}
    surveys = {"@docker/w": SPLIT, "@docker/n": FIT}
    message = complaint(check, surveys, hosts=hosts, address="www.internal")
    assert "2 mistakes in the hosts" in message
    assert "@docker/w: address: www.internal, the address of an NGINX, cannot be" in message
    assert "@docker/n: address: www.internal, the address of an OMERO.web, cannot be" in message


def test_a_container_that_refuses_a_sandbox_is_told_what_to_allow(check: Check) -> None:
    message = complaint(check, replace(FIT, namespaces=False))
    assert "system: this container refuses the namespaces" in message
    assert "--features nesting=1" in message


@pytest.mark.parametrize(("nft", "warned"), [(True, False), (False, True)])
def test_a_port_that_cannot_be_closed_is_warned_of(
    check: Check, caplog: pytest.LogCaptureFixture, nft: bool, warned: bool
) -> None:
    hosts = {"@docker/w": "web", "@docker/n": "nginx"}
    check(replace(SPLIT, nft=nft), hosts=hosts, address="10.0.0.5")
    assert ("port 4080 is open to every host; install nftables" in caplog.text) is warned
    caplog.clear()
    check(replace(FIT, nft=False))
    assert "is open to every host" not in caplog.text


def test_mistakes_of_the_inventory_are_told_before_any_host_is_asked(check: Check) -> None:
    with pytest.raises(DeployError, match="2 mistakes in the inventory; nothing has been changed"):
        check({}, nginx_http_port="80", redis_prot=1)  # asking a host would be a KeyError


def test_the_default_inventory_has_no_mistake() -> None:
    done = subprocess.run(
        [
            ROOT / "run",
            "python",
            "-c",
            "import inventory; from roles.inventory import checks\n"
            "from roles.inventory.site import load\n"
            "groups = {'redis', 'web', 'nginx'}\n"
            "data = {}\n"
            "for group in groups:\n"
            "    hosts, settings = getattr(inventory, group)\n"
            "    assert hosts == ['@local']\n"
            "    data |= settings\n"
            "site, findings = load([('@local', frozenset(groups), data, None)])\n"
            "assert findings + checks.errors(site) == []\n",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
