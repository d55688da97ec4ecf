"""Other connectors: this machine itself, SSH with sudo; and what a deploy must keep to itself."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from tests.integration.conftest import MakeHost
from tests.integration.hosts import (
    Host,
    deploy,
    docker_inventory,
    run_inside,
    ssh_inventory,
    wait_until,
)
from tests.integration.images import ROOT
from tests.integration.site_checks import (
    BASE,
    OMERODIR,
    assert_maintenance,
    assert_serves,
    master,
    pids,
)


def test_a_bare_machine_becomes_an_omero_web_by_one_command(
    make_host: MakeHost, ice_cache: Path
) -> None:
    """No systemd, nothing but python3: supervisor runs everything."""
    host = make_host("plain")
    # @local has a cache of its own: what a container has built is for containers
    host.copy_in(ice_cache, f"/root/.cache/omeroweb-bundle/ice/{ice_cache.name}/local")
    first = run_inside(host, path="/srv/my bundle")
    assert "OMERO.web is at http://localhost/" in first.output
    assert_serves(host)
    before = pids(host)
    assert all(before.values()), before
    second = run_inside(host, path="/srv/my bundle")
    assert second.changed_operations == ()
    assert pids(host) == before

    host.run("omero web stop", user="omero-web")
    assert_maintenance(host)
    assert host.run("omero web status", check=False).exit_code != 0
    host.run("omero web start")
    assert_serves(host)
    host.kill(master(host))
    statuses = set()

    def back() -> bool:
        statuses.add(host.http("/webclient/login/", timeout=120).status_code)
        return 200 in statuses

    wait_until(back, 10, "200 after kill -9")
    assert statuses <= {200, 503}


# What unattended-upgrades or cloud-init hold while they install something, until a file is there.
HOLD_DPKG = """
import fcntl, os, time
with open("/var/lib/dpkg/lock-frontend", "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    while not os.path.exists("/run/let-go"):
        time.sleep(0.1)
"""


def test_over_ssh_with_sudo_on_a_hardened_host_that_installs_something(
    make_host: MakeHost, ssh_key: Path, ice_cache: Path, tmp_path: Path
) -> None:
    """Sessions have umask 077, as login.defs and pam_umask of hardening guides make it, and the
    login shell prints a line before what a command prints."""
    host = make_host("ssh")
    host.run("sed -i 's/^UMASK.*/UMASK 077/' /etc/login.defs")
    host.run("echo 'session optional pam_umask.so' >> /etc/pam.d/common-session")
    host.run("echo 'session optional pam_umask.so' >> /etc/pam.d/common-session-noninteractive")
    assert host.run("su - admin -c 'sudo sh -c umask'").stdout.strip() == "0077"
    host.write("/home/admin/.bashrc", "echo hello\n")
    by_ssh = "env -i HOME=/home/admin SSH_CLIENT=x bash -c 'echo end'"
    assert host.run(by_ssh, user="admin").stdout == "hello\nend\n"
    host.write("/root/hold.py", HOLD_DPKG)
    host.run("setsid python3 /root/hold.py > /run/said 2>&1 &")
    wait_until(lambda: host.read("/run/said") == "held\n", 10, "dpkg's lock")
    (wheel,) = ice_cache.glob("*.whl")  # of a container, so that it must be given
    text = ssh_inventory(host, ssh_key, web_ice_wheel=str(wheel))
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(deploy, text)
        wait_until(lambda: host.processes(r"^sleep 1\b"), 120, "a deploy that waits for dpkg")
        host.write("/run/let-go", "")
    said = r"waiting for python3 \(process \d+\), which holds /var/lib/dpkg/lock-frontend"
    assert re.search(said, run.result().output)
    assert_serves(host)
    before = pids(host)
    second = deploy(text)
    assert second.changed_operations == ()
    assert pids(host) == before
    deploys_through_a_jump_host_with_a_password_of_sudo(host, ssh_key, text, tmp_path)
    host.reboot()
    wait_until(lambda: host.http("/webclient/login/").status_code == 200, 60, "200 after boot")


SSH_CONFIG = """
Host web1
    HostName 127.0.0.1
    ProxyJump jump
Host jump
    HostName {ip}
Host *
    User admin
    IdentityFile {key}
    UserKnownHostsFile {folder}/known_hosts
    StrictHostKeyChecking accept-new
"""


def deploys_through_a_jump_host_with_a_password_of_sudo(
    host: Host, key: Path, text: str, folder: Path
) -> None:
    """docs/connecting.md. The host is its own jump host: 127.0.0.1 is the host only from there."""
    settings = SSH_CONFIG.format(ip=host.ip, key=key, folder=folder)
    (folder / "production").mkdir()
    (folder / "production/ssh_config").write_text(settings)
    config = str(folder / "production/ssh_config")
    groups = runpy.run_path(str(written(folder, text)))
    data = {"ssh_config_file": config, "address": host.ip}
    moved = {name: ([("web1", data)], groups[name][1]) for name in ("redis", "web", "nginx")}
    lines = [f"{name} = {value!r}\n" for name, value in moved.items()]
    (folder / "production/site.py").write_text("".join(lines))

    def run(*words: str, password: str = "") -> subprocess.CompletedProcess[str]:
        # in a session without a terminal, so that the password is read from standard input
        return subprocess.run(
            ["setsid", "-w", str(ROOT / "run"), *words],
            cwd=folder,
            input=f"{password}\n" * 3,
            capture_output=True,
            text=True,
            check=False,
        )

    host.run("rm /home/admin/.bashrc")  # pyinfra takes its output for the path of its program
    host.run("echo 'admin ALL=(ALL) ALL' > /etc/sudoers.d/admin; echo admin:pass-word | chpasswd")
    refused = run("plan", "production")
    assert refused.returncode == 1
    assert "use --use-sudo-password" in refused.stderr
    wrong = run("plan", "production", "--use-sudo-password", password="not-it")
    assert wrong.returncode == 1
    assert "incorrect password attempt" in wrong.stderr
    planned = run("plan", "production", "--same-sudo-password", password="pass-word")
    assert planned.returncode in (0, 2), planned.stderr
    deployed = run("deploy", "production", "-vvv", "--use-sudo-password", password="pass-word")
    assert deployed.returncode == 0, deployed.stderr
    assert "pass-word" not in deployed.stdout + deployed.stderr
    status = run("status", "production", "--use-sudo-password", password="pass-word")
    assert re.search(r"^web1 +(serving|warnings) ", status.stdout, re.M), status.stderr
    from_jump = host.run("journalctl -q -t sshd --no-pager | grep 'Accepted publickey'").stdout
    assert "from 127.0.0.1" in from_jump
    host.run("echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin")


def written(folder: Path, text: str) -> Path:
    (folder / "direct.py").write_text(text)
    return folder / "direct.py"


MARK = "one key for all of the web hosts, and long"
REDIS_PASSWORD = 'q"uo\\te pass%word#1'
# None of the three that are not called a secret is one but by where it comes from.
UNNAMED = {
    "omero.web.login_incorrect_credentials_text": f"{MARK} to see",
    "omero.web.django_additional_settings": [["EMAIL_HOST_USER", f"{MARK} mails"]],
    "omero.web.ui.top_links": [["Site", f"https://example.org/{MARK}", {}]],
}


def secrets_file(folder: Path, **content: object) -> dict[str, object]:
    """The setting; the file comes through a command."""
    path = folder / "secrets.yml"
    path.write_text(yaml.safe_dump({"redis_password": REDIS_PASSWORD, **content}))
    path.chmod(0o600)
    return {"command": ["cat", str(path)]}


def dry_run(folder: Path, text: str) -> str:
    (folder / "inventory.py").write_text(text)
    done = subprocess.run(
        [ROOT / "run", "pyinfra", "--dry", "-vvv", "inventory.py", ROOT / "deploy.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def holders(host: Host) -> set[str]:
    """Every file of the host that has the mark in it."""
    search = f"grep -rlF --exclude-dir=proc --exclude-dir=sys '{MARK}' / 2>/dev/null"
    return {*host.run(search, check=False).stdout.split()}


def test_secrets_appear_nowhere_but_in_their_files(
    make_host: MakeHost, deployed_image: str, tmp_path: Path
) -> None:
    host = make_host("plain", image=deployed_image)
    own = secrets_file(tmp_path, **{"omero.web.secret_key": MARK}, **UNNAMED)
    text = docker_inventory(host, web_secrets=own, redis_bind="0.0.0.0")
    said = {"--dry": dry_run(tmp_path, text), "deploy": deploy(text, "-vvv", "--debug").output}
    for command in (
        *("config plan", "config plan --json", "config check", "config show", "config export"),
        *(f"config show {name}" for name in UNNAMED),
        *("status", "status --json", "doctor", "doctor --json", "release list"),
        "config export --secrets /tmp/secrets.yml",
    ):
        done = host.run(f"omeroweb-ops {command}", check=False)
        said[command] = done.stdout + done.stderr
    # another desired state, from which they are gone
    own = secrets_file(tmp_path, **{"omero.web.secret_key": MARK})
    gone = dry_run(tmp_path, docker_inventory(host, web_secrets=own, redis_bind="0.0.0.0"))
    said["processes"] = "".join(process.cmdline + "\n" for process in host.processes())
    said["environments"] = host.run("cat /proc/[0-9]*/environ 2> /dev/null || true").stdout
    for what, output in {**said, "--dry without": gone}.items():
        assert output or what == "config check", what
        for value in (MARK, REDIS_PASSWORD, json.dumps(REDIS_PASSWORD)[1:-1]):
            assert value not in output, what
    for name in UNNAMED:
        shown = rf"[+~] {re.escape(name)}: (\(not set\)|\*{{8}}) → \*{{8}}\n"
        assert re.search(shown, said["--dry"])
        assert re.search(shown, said["deploy"])
        assert f"{name}: ******** → " in gone
        assert f"{name} = ********" in said["config show"]
    assert yaml.safe_load(host.read("/tmp/secrets.yml")).keys() >= UNNAMED.keys()
    assert host.run("stat -c '%a %U' /tmp/secrets.yml").stdout.split() == ["600", "omero-web"]
    host.run("rm /tmp/secrets.yml")

    # the last is the configuration with which the release has last served
    kept = host.run(f"ls {OMERODIR}/etc/grid/omeroweb-ops.????????????.json").stdout.strip()
    allowed = {f"{OMERODIR}/etc/grid/config.xml", f"{BASE}/state/desired.json", kept}
    assert holders(host) == allowed
    readable = host.run(f"cat {' '.join(allowed)}", user="www-data", check=False)
    assert not readable.stdout
    assert_serves(host)
