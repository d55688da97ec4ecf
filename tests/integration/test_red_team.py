"""A compromised OMERO.web, Redis or local account gets nothing from root's commands.

Each example leaves links, pipes, odd names, command lines, forged files and processes as one of
these users, wherever that user may write. Then root deploys and runs the commands of day two.
Nothing outside has another owner, mode or content afterwards, nothing of the attacker's has run as
root, no terminal gets a control character, and each command has ended in time. The plan of a
failure is printed as JSON: `plant.py` beside this file leaves the same on a host again.

`-m sweep` runs every command after each of many more examples.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.hosts import deploy, docker_inventory
from tests.integration.site_checks import BASE, OMERODIR, assert_serves, master

if TYPE_CHECKING:
    from tests.integration.conftest import MakeHost
    from tests.integration.hosts import Host

Plan = list[tuple[str, str, str]]  # kind, place, value
Text = st.SearchStrategy[str]

PLANT = Path(__file__).with_name("plant.py")
VAR, GRID = f"{OMERODIR}/var", f"{OMERODIR}/etc/grid"
VICTIM = "/root/victim"
# Anybody may write there: the owner of a file says who has run the script.
RAN, SCRIPT, WORKING_DIRECTORY = "/srv/ran", "/srv/script", "/var/tmp/work"
# Seconds on a busy machine: systemd waits 90 for a start and 35 for a stop, and `ready` takes 60.
COMMAND_LIMIT, RESTART_LIMIT, DEPLOY_LIMIT = 90, 300, 400
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
CRON = "cron"  # the lines of the daily jobs
COMMANDS = (
    "omeroweb-ops status",
    "omeroweb-ops doctor",
    "omeroweb-ops config plan",
    "omeroweb-ops config export",
    "omero web restart",
    "omeroweb-ops status --json",
    "omeroweb-ops config show",
    "omeroweb-ops release list",
    CRON,
    "omeroweb-ops config apply",
    "omeroweb-ops ready --timeout 5",
    "omeroweb-ops maintenance status",
    "omeroweb-ops config rollback",
    "omeroweb-ops release rollback",
    "logrotate -f /etc/logrotate.d/nginx",
    "omero web status",
)
# What the code looks for, beside what is there.
NAMES = {
    VAR: "clearsessions.lock clearsessions.json clearsessions.json.new heartbeat django.pid grid "
    "security-updates.json security-updates.json.new",
    f"{VAR}/log": "clearsessions.log clearsessions.log.1",
    f"{VAR}/workers": "1 99999999999999999999",
    f"{VAR}/sessions": "sessionidabcdefghijk",
    GRID: "config.xml.new config.xml.lock omeroweb-ops.json.new omeroweb-ops.tried "
    "omeroweb-ops.tried.new omeroweb-ops.previous.json.new omeroweb-ops.secret.json "
    "omeroweb-ops.schemas.json",
    "/etc/redis": "omero-web.conf omero-web-admin.conf",
    "/var/log/redis": "redis-server.log.1",
    "/tmp": "x omero_root",
    "/run/lock": "omeroweb-ops.lock",
}
REPLACEMENTS = ("link", "fifo", "unix_socket", "directory", "huge", "content", "hard_link")
PROCESSES = {
    "omero-web": ("command_line", "listener", "notification", "stopped", "successor", "sudo"),
    "redis": ("command_line", "listener", "answers"),
    "eve": ("command_line", "listener"),
}
PROPERTIES = (
    *("omero.web.server_list", "omero.web.apps", "omero.web.middleware", "omero.web.static_root"),
    *("omero.web.allowed_hosts", "omero.web.caches", "omero.web.prefix", "omero.web.secret_key"),
    *("omero.web.session_engine", "omero.web.django_additional_settings", "omero.web.page_size"),
    *("omero.web.application_server.port", "omero.web.wsgi_args", "omero.web.logoutpage"),
)


def hostile() -> Text:
    """Names, targets, arguments and lines with which somebody could mean harm."""
    chosen = (
        *(VICTIM, f"{VICTIM}/file", "/etc/shadow", "/dev/zero", SCRIPT, "../" * 9 + "root"),
        f"x\nexisting=init {SCRIPT}",
        rf"{BASE}/venv3/bin/python omeroweb.wsgi \nexisting=init {SCRIPT}\nx=",
        *(f"$({SCRIPT})", f"'; {SCRIPT} #", f'"; {SCRIPT} #', f"`{SCRIPT}`", f"-exec={SCRIPT}"),
        *("\x1b]0;owned\x07\r", "\x9b2J\x9d0;owned\x9c", "{{ 7*7 }} %s %n $1 $$", "1e400", "NaN"),
    )
    large = st.sampled_from(("9", "x", "[", '{"a":')).map(lambda text: text * 20_000)
    text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=40)
    return st.sampled_from(chosen) | text | large


def forged() -> Text:
    """Contents in the form of the files that are read, with values that nobody expects."""
    large_numbers = st.just(400).map(lambda digits: 10**digits)
    numbers = st.sampled_from([10**40, -(10**30), 1e308, float("nan")]) | large_numbers
    leaf = st.one_of(hostile(), st.none(), st.booleans(), numbers)
    data = st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile(), inner, max_size=3),
        max_leaves=6,
    )
    names = st.sampled_from(PROPERTIES) | hostile()
    properties = st.dictionaries(names, leaf.map(str), max_size=4)
    record = st.fixed_dictionaries({"owned": properties | data, "applied": properties | data})
    state = st.fixed_dictionaries({"properties": properties | data, "record": record | data})
    time = st.just("2026-01-01T00:00:00+00:00")
    report = st.fixed_dictionaries(
        {"time": time | leaf, "lists": time | leaf, "packages": st.lists(hostile()) | leaf}
        | dict.fromkeys(("removed", "kept", "seconds", "failed"), leaf)
    )
    documents = st.one_of(data, record, state, report).map(json.dumps)
    return st.one_of(documents, properties.map(as_config_xml), hostile())


def as_config_xml(properties: dict[str, str]) -> str:
    """As `omero config` writes them."""
    lines = "".join(
        f"<property name={quoteattr(name)} value={quoteattr(value)}/>"
        for name, value in properties.items()
    )
    blocks = (f'<properties id="{each}">{lines}</properties>' for each in ("__ACTIVE__", "default"))
    return f"<icegrid>{''.join(blocks)}</icegrid>"


def plans(user: str, places: Sequence[str]) -> st.SearchStrategy[Plan]:
    """What one attacker leaves."""
    place = st.sampled_from(places)
    directory = st.sampled_from([each for each in places if each in NAMES] or places)

    def of(
        kinds: Sequence[str], where: Text, value: Text
    ) -> st.SearchStrategy[tuple[str, str, str]]:
        return st.tuples(st.sampled_from(kinds), where, value)

    one = st.one_of(
        of(REPLACEMENTS, place, hostile()),
        of(("content",), place, forged()),
        of(("lock", "mode", "swap"), place, hostile()),
        of(("inside", "modules"), directory, hostile() | st.just(SCRIPT)),
        of(PROCESSES[user], st.just(""), hostile()),
    )
    return st.lists(one, min_size=4, max_size=8, unique_by=lambda each: each[:2])


def prepare(site: Host) -> None:
    """Root's secret, a local user, and a script that says who has run it."""
    site.run("useradd --create-home eve")
    site.run(f"mkdir -m 700 {VICTIM} && echo secret > {VICTIM}/file && chmod 600 {VICTIM}/file")
    site.run(f"mkdir -m 1777 {RAN} {WORKING_DIRECTORY}")
    site.write(SCRIPT, f"#!/bin/sh\n: > {RAN}/$(id -u)-$$\n", "0755")
    site.copy_in(PLANT, "/srv/plant.py")
    plant(site, "eve", [("modules", WORKING_DIRECTORY, SCRIPT)])


@pytest.fixture(scope="module")
def site(make_session_host: MakeHost, deployed_systemd_image: str) -> Iterator[Host]:
    with make_session_host("systemd", name="red-team", image=deployed_systemd_image) as host:
        deploy(docker_inventory(host))
        prepare(host)
        yield host


def writable(site: Host, user: str) -> list[str]:
    """What the user may write, and names in there that the code looks for."""
    command = (
        "find / -xdev -path /proc -prune -o -writable \\( -type d -o -type f \\) -print;"
        " find /run/lock -writable -type d; true"
    )
    found = site.run(f"{{ {command}; }} 2> /dev/null", user).stdout.splitlines()
    named = [f"{place}/{name}" for place in found for name in NAMES.get(place, "").split()]
    return sorted({*found, *named} - {"/tmp", "/var/tmp", "/run/lock", RAN, WORKING_DIRECTORY})


def plant(site: Host, user: str, plan: Plan) -> bytes:
    """As that user, and omero-web as a process of its own service; what `undo` needs."""
    enter = ""
    if user == "omero-web" and site.kind == "systemd":
        group = site.run(f"sed -n 's/^0:://p' /proc/{master(site)}/cgroup").stdout.strip()
        enter = f"echo $$ > /sys/fs/cgroup{group}/cgroup.procs && "
    act = f"{enter}cd {WORKING_DIRECTORY}; exec setpriv --reuid {user} --regid {user} --init-groups"
    done = site.run(f"{act} python3 /srv/plant.py", stdin=json.dumps(plan).encode())
    return done.stdout.encode()


def run(site: Host, command: str) -> None:
    """A command of root's must end in time, and print nothing that a terminal obeys."""
    if command == CRON:
        lines = site.read("/etc/cron.d/omero-web").splitlines()
        jobs = [line.split(None, 6)[6] for line in lines if line[:1].isdigit()]
        assert jobs
        for job in jobs:  # cron(8): with its own environment alone, in root's home
            run(site, f"env -i -C /root HOME=/root PATH=/usr/bin:/bin sh -c {shlex.quote(job)}")
        return
    starts = command.endswith(("restart", "release rollback"))
    limit = RESTART_LIMIT if starts else COMMAND_LIMIT
    ended = site.run(
        f"timeout -k 5 {limit} {command} 2>&1",
        check=False,
        cwd=WORKING_DIRECTORY,
        timeout=limit + 60,
    )
    assert ended.exit_code not in (124, 137), f"{command} does not end in {limit} s"
    found = CONTROL.search(ended.stdout)
    assert not found, f"{command} prints {found}: {ended.stdout[:2000]!r}"
    assert "Traceback (most recent" not in ended.stdout or "omeroweb-ops" not in command, (
        f"{command}: {ended.stdout[-3000:]}"
    )


# Written by root's own commands (what serves, since when), and by what runs.
OWN = (
    rf"{BASE}/(state|releases|previous|venv3)"
    "|/var/lib/(omeroweb-ops/stamps|redis|nginx|logrotate|systemd)"
)
RUNNING = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", RAN, VAR, GRID)


def outside(site: Host, places: Sequence[str]) -> set[str]:
    """Owner, mode and kind of all that is not the attacker's own, and contents of what counts."""
    pruned = " -o ".join(f"-path {shlex.quote(each)}" for each in (*RUNNING, "*/__pycache__"))
    counts = f"{VICTIM} /etc /usr/local /srv /boot /home {BASE}/bin {BASE}/state"
    # a name or a target may have line breaks; sha256sum escapes them
    found = site.run(f"find / \\( {pruned} \\) -prune -o -printf '%p\\t%U:%G %m %y %l\\0'").stdout
    path_first = shlex.quote(r"s/^\\?(.{64})  (.*)/\2\t\1/")
    digests = f"find {counts} -type f -exec sha256sum {{}} + | sed -E {path_first}"
    contents = site.run(digests).stdout
    lines = [*found.split("\0"), *contents.splitlines()]
    mine = (OWN, *map(re.escape, places))
    own = re.compile(rf"({'|'.join(mine)})(/|\t|$|\.aside)")
    return {line for line in lines if not own.match(line)}


def attack(site: Host, user: str, plan: Plan, commands: Sequence[str], before: set[str]) -> None:
    """One example."""
    text, places = docker_inventory(site), writable(site, user)
    planted = plant(site, user, plan)
    try:
        deployment = deploy(text, expect=None, timeout=DEPLOY_LIMIT)
        found = CONTROL.search(deployment.output)
        assert not found, f"a deploy prints {found}: {deployment.output!r}"
        for command in commands:
            run(site, command)
        changed = outside(site, places) ^ {
            each for each in before if each.split("\t")[0] not in places
        }
        assert not changed, "something outside has changed: " + "\n".join(sorted(changed)[:20])
        ran = site.run(f"find {RAN} -type f -uid 0").stdout
        assert not ran, "something of the attacker's has run as root"
    except BaseException as failure:
        failure.add_note(f"planted by {user}: {json.dumps(plan)}")
        raise
    finally:
        site.run("python3 /srv/plant.py undo", stdin=planted)
    if deployment.exit_code:  # it names what is in the way, and is mended by its removal
        named = [place for _kind, place, _value in plan if place and place in deployment.output]
        services = {kind for kind, _place, _value in plan} & {*PROCESSES[user]}
        assert named or services, f"{[each[:2] for each in plan]}\n{deployment.output[-3000:]}"
    # a restart or a rollback may have failed while the attacker was there
    if deployment.exit_code or site.run("omero web status", check=False).exit_code:
        deploy(text)


def attacked(site: Host, user: str, examples: int, share: int) -> None:
    """Several examples, then a site that is as it was. share: of the commands, 1 in so many."""
    before, number = outside(site, writable(site, user)), 0

    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans(user, writable(site, user)))
    def example(plan: Plan) -> None:
        nonlocal number
        number += 1
        attack(site, user, plan, COMMANDS[number % share :: share], before)

    example()
    text = docker_inventory(site)
    deploy(text)
    assert deploy(text).changed == 0
    assert_serves(site)


@pytest.mark.parametrize(("user", "examples"), [("omero-web", 5), ("redis", 2), ("eve", 2)])
def test_nothing_of_an_attacker_reaches_root(site: Host, user: str, examples: int) -> None:
    attacked(site, user, examples, share=5)


@pytest.mark.sweep
@pytest.mark.parametrize(("user", "examples"), [("omero-web", 40), ("redis", 15), ("eve", 15)])
def test_nothing_of_many_attacks_reaches_root(site: Host, user: str, examples: int) -> None:
    attacked(site, user, examples, share=1)
