"""A site moves to another host: `./run backup` on the old one, `./run restore` on the new one."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import requests

from tests.integration.client import Client
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, deploy, docker_inventory
from tests.integration.images import ROOT
from tests.integration.omero_server import ADA, OmeroServer, omero_host
from tests.integration.verbs import run_verb

PASSPHRASE = "correct horse battery\n"
GRID = "/opt/omero/web/OMERO.web/etc/grid"
SECRET_KEY = "/opt/omero/web/OMERO.web/var/django_secret_key"
CERTIFICATE = "/etc/nginx/omero-web/certificate.pem"
TEXT = "omero.web.login_incorrect_credentials_text"
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="10"/>'
KEY = ["--passphrase-file", "passphrase"]


def inventory(host: Host, omero: OmeroServer) -> str:
    config = {"omero.web.server_list": omero.server_list}
    return docker_inventory(
        host, nginx_tls="self-signed", web_config=config, web_branding={"login_logo": "logo.svg"}
    )


def logo(host: Host) -> str:
    page = host.http("/webclient/login/", scheme="https").text
    address = page.split('class="custom_logo">')[1].split('src="')[1].split('"')[0]
    return host.http(address, scheme="https").text


def sites(host: Host) -> dict[str, str]:
    """What stays the same."""
    return {
        "text": host.run(f"omero config get {TEXT}").stdout,
        "plan": host.run("omeroweb-ops config plan").stdout,
        "key": host.read(SECRET_KEY),
        "certificate": host.read(CERTIFICATE),
        "logo": logo(host),
    }


def test_a_site_moves_with_its_users_logged_in(
    make_host: MakeHost, deployed_systemd_image: str, deployed_image: str, tmp_path: Path
) -> None:
    old = make_host("systemd", name="old", image=deployed_systemd_image)
    (tmp_path / "logo.svg").write_text(LOGO)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    with omero_host(make_host, deployed_image) as omero:
        deploy(inventory(old, omero), cwd=tmp_path)
        old.run(f"omero config set {TEXT} 'set manually'")
        ada = Client(f"https://{old.ip}", ADA)
        before = sites(old)
        assert before["text"] == "set manually\n" and "set manually" in before["plan"]

        backup = ["backup", "-o", "site.age", *KEY]
        said = run_verb(tmp_path, inventory(old, omero), *backup, "--sessions")
        file = tmp_path / "site.age"
        assert file.stat().st_mode & 0o777 == 0o600 and "site.age" in said
        assert before["key"].encode() not in file.read_bytes()
        old.run("poweroff", check=False)

        new = make_host("systemd", name="new")
        where = inventory(new, omero)
        refused(tmp_path, where, file, new)
        killed(tmp_path, new)
        run_verb(tmp_path, where, "restore", "site.age", *KEY)
        assert sites(new) == before
        # the browser goes to the new host when DNS says so
        ada.site = f"https://{new.ip}"
        move_cookies(ada.session, new.ip)
        assert ada.is_in()
        assert deploy(where, cwd=tmp_path).changed == 0
        said = run_verb(tmp_path, where, "restore", "site.age", *KEY, expect=1)
        assert "there is an installation on this host" in said
        assert sites(new) == before


def move_cookies(session: requests.Session, address: str) -> None:
    cookies = [*session.cookies]
    session.cookies.clear()
    for each in cookies:
        session.cookies.set(each.name, each.value, domain=address, path=each.path)


def refused(directory: Path, where: str, file: Path, host: Host) -> None:
    """Each file or key that is no good is one error, and the host is as it was."""
    before = host.snapshot()
    whole = file.read_bytes()
    (directory / "wrong").write_text("another passphrase\n")
    (directory / "part.age").write_bytes(whole[:-100])
    (directory / "altered.age").write_bytes(whole[:-100] + b"\0" + whole[-99:])
    (directory / "text.age").write_text("no backup")
    for arguments, message in [
        (["site.age", "--passphrase-file", "wrong"], "the passphrase is wrong"),
        (["part.age", *KEY], "damaged"),
        (["altered.age", *KEY], "damaged"),
        (["text.age", *KEY], "is not a backup"),
        (["site.age"], "no terminal to ask for the passphrase"),
    ]:
        said = run_verb(directory, where, "restore", *arguments, expect=1)
        assert message in said and "Traceback" not in said
    assert host.snapshot().touched_since(before) == []


def killed(directory: Path, host: Host) -> None:
    """A restore that is killed in its deploy; the next run of the same command continues."""
    process = subprocess.Popen(
        [str(ROOT / "run"), "restore", "site.age", *KEY],
        cwd=directory,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        host.wait_until(lambda: host.exists(f"{GRID}/config.xml"), 60, "the files")
        host.wait_until(lambda: host.exists("/usr/bin/redis-server"), 60, "packages")
    finally:
        assert process.poll() is None  # not yet complete
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_host_that_gives_no_whole_answer_leaves_no_file(
    make_host: MakeHost, deployed_systemd_image: str, tmp_path: Path
) -> None:
    host = make_host("systemd", image=deployed_systemd_image)
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    where = docker_inventory(host)
    backup = ["backup", "-o", "site.age", "--sessions", *KEY]
    for damage, message in (
        ("systemctl stop redis-server", "Redis does not answer"),
        (f"ln -sf /etc/shadow {GRID}/config.xml", f"{GRID}/config.xml must be a regular file"),
    ):
        host.run(damage)
        said = run_verb(tmp_path, where, *backup, expect=1)
        assert message in said and "no backup has been written" in said
        assert not (tmp_path / "site.age").exists()
        host.run("systemctl start redis-server")
