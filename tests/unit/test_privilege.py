"""What the service's user says is input of a stranger, and root keeps out of that user's places."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared import regular_file
from pyinfra.api import StringCommand

from roles import takeover
from roles.conventions import LOCATIONS, USER
from roles.operations import backup, firewall, omerodir
from roles.operations.files import Directory, File, Item
from roles.operations.prefetch import PrefetchedFacts
from roles.operations.privilege import printable
from roles.survey import existing_installation
from roles.survey.existing_installation import ExistingInstallation
from roles.target import Target
from roles.target.closed_ports import closed_ports
from roles.web import branding, files, service, static_files, trusted_proxies
from roles.web.configuration import CommandOutput, ConfigCommand
from roles.web.ice import Wheel
from roles.web.release import Release
from tests.unit.helpers import SURVEY, a_host, only_member, site_of

DIGEST = "0123456789abcdef" * 4


def said(answer: object) -> CommandOutput:
    return ConfigCommand().process(json.dumps(answer, indent=1).splitlines())


def test_an_answer_is_read() -> None:
    found = said({"changes": [{"property": "a"}], "diff": ["a: 1"], "collect": DIGEST,
                  "serves": False, "drift": [], "kept": {}})  # fmt: skip
    assert found.changes
    assert (found.diff, found.collect, found.serves) == (["a: 1"], DIGEST, False)
    assert said({"findings": ["a is wrong"]}).findings == ["a is wrong"]
    assert said({"absent": True}).absent


@pytest.mark.parametrize(
    "collect",
    ["x; id > /root/pwned #", DIGEST + "\n", "\n" + DIGEST, DIGEST.upper(), DIGEST[1:], "", 7, []],
)
def test_a_forged_digest_is_a_mistake_and_no_command(collect: object) -> None:
    found = said({"changes": [], "diff": [], "serves": True, "collect": collect})
    assert found.collect is None
    assert found.findings


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["findings", "changes", "diff", "collect", "serves", "absent"]), inner
    ),
))  # fmt: skip
def test_whatever_is_said_is_an_answer_or_a_finding(answer: object) -> None:
    found = said(answer)
    assert found.collect is None or re.fullmatch("[0-9a-f]{64}", found.collect)
    for line in (*found.findings, *found.diff):
        assert line.isprintable()


@given(st.text())
def test_what_is_no_json_is_shown_without_control_characters(text: str) -> None:
    for line in ConfigCommand().process(text.splitlines()).findings:
        assert line.isprintable()


@given(st.text())
def test_no_terminal_obeys_a_printable_text(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


def test_a_pipe_a_device_and_a_large_file_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("ü")
    assert regular_file.read_text(path) == "ü"
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=re.escape(str(name))):
            regular_file.read_bytes(name)
    with pytest.raises(OSError, match="larger than 1 bytes"):
        regular_file.read_bytes(path, 1)


def test_a_file_is_written_whatever_lies_in_its_place(tmp_path: Path) -> None:
    path, victim = tmp_path / "file", tmp_path / "victim"
    victim.write_text("mine")
    for obstruct in (os.mkfifo, lambda each: each.symlink_to(victim)):
        for each in (path, path.with_name("file.new")):
            each.unlink(missing_ok=True)
            obstruct(each)
        regular_file.replace(path, b"new", sync=False)
        assert (path.is_symlink(), path.read_text(), victim.read_text()) == (False, "new", "mine")
        assert sorted(tmp_path.iterdir()) == [path, victim]
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=f"{path}'$"):
        regular_file.replace(path, b"new")
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match=f"{tmp_path / 'log'}'$"):
        regular_file.append_text(tmp_path / "log", "line\n")


@pytest.mark.parametrize("name", ["bin", "etc", "etc/grid", "var", "var/log"])
def test_a_link_below_omerodir_is_named_before_anything_is_touched(name: str) -> None:
    path = f"{LOCATIONS.omerodir}/{name}"
    (finding,) = omerodir.links_below(PrefetchedFacts({path: "link /root/\x1b[31mvictim"}))
    assert finding.subject == path
    assert (
        "must be a directory, not a symbolic link to /root/\\x1b[31mvictim; move the link away"
        in finding.message
    )
    assert [*omerodir.links_below(PrefetchedFacts({path: "directory 755 root:root"}))] == []


@pytest.mark.parametrize(
    "line",
    [
        "existing=init /opt/omero/web/OMERO.web/var/evil",
        "existing=init /etc/init.d/../../tmp/evil",
        "existing=init /etc/init.d/sub/evil",
        "existing=unit /etc/passwd",
        "existing=unit /etc/systemd/system/../passwd.service",
        "existing=dropin /etc/ssh",
        "existing=dropin /etc/systemd/system/ssh.service.d",  # of no unit that was found
        "existing=cron /etc/shadow",
        "existing=cron /var/spool/cron/crontabs/../../../../etc/shadow",
        "existing=command /bin/sh",
        "existing=command /opt/omero/web/OMERO.web/var/omero",
        "existing=site /etc/passwd",
        "existing=virtualenv /opt",
        "existing=link /etc",
        "existing=omerodir etc",
        "existing=unheard /etc/passwd",
        "line=without a site",
    ],
)
def test_a_line_that_names_another_place_is_none_of_the_survey_s(line: str) -> None:
    assert existing_installation.read([line]) == existing_installation.NO_INSTALLATION


def test_what_root_must_not_run_is_an_error() -> None:
    found = existing_installation.read(["existing=unsafe /etc/init.d/omero-web"])
    (finding,) = existing_installation.unsafe_paths(found)
    assert finding.subject == "/etc/init.d/omero-web"
    assert "does not belong to root" in finding.message
    assert not found.has_omero_web


# Nothing that root runs names a place of the service's user: all items, operations and scripts.

PLACES = tuple(f"{LOCATIONS.omerodir}/{name}/" for name in ("var", "etc/grid"))


def as_root(script: str) -> str:
    """What of a script root itself executes: without what it hands to the user.

    Assignments before a command (`OMERODIR=… runuser …`) are words, and touch nothing.
    """
    code = re.sub(r"(^|\s)#.*|\b[A-Z_]+=/[\w./]*|--setenv=", "", script)
    lexer = shlex.shlex(code, posix=True, punctuation_chars=";|&(){}\n")
    lexer.whitespace, lexer.commenters = " \t", ""
    words, of_user = [], False
    for word in lexer:
        if word == "runuser":
            of_user = True
        elif of_user and set(word) <= set(";|&(){}\n"):
            of_user = False
        if not of_user and not re.match("[A-Z_]+=", word):
            words.append(as_root(word) if "runuser" in word else word)
    return " ".join(words)


def offences(script: str) -> list[str]:
    """Places of the user that root itself touches."""
    below = "|".join(f"{place}[^ ;'\"|)]+" for place in PLACES)
    deep = "|".join(rf"\s-\w*[rR]\w*\s[^;&|]*{place.rstrip('/')}\b" for place in PLACES)
    return re.findall(f"{below}|{deep}", as_root(script))


def test_the_measure_sees_what_root_does_and_not_what_the_user_does() -> None:
    path = f"{PLACES[0]}log"
    assert offences(f"mkdir -p {path}") == [path]
    assert offences(f"runuser -u {USER} -- true; chown -h x {path}") == [path]
    assert len(offences(f"chown -Rh {USER}:{USER} {path.removesuffix('/log')}")) == 1
    assert offences(f"A={path} runuser -u {USER} -- true {path}") == []
    assert offences(f"runuser -u {USER} -- sh -c 'mkdir {path}; chmod 700 {path}'") == []
    assert offences(f"limited 3 4 'runuser -u x -- true; cat {path}'") == [path]


def items() -> Iterator[Item]:
    site = site_of(a_host())
    member = only_member(site)
    for manager, image in (("systemd", False), ("supervisor", False), ("image", True)):
        target = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
        own = service.omero_web(target, member.settings, manager, socket=manager == "systemd")
        survey = replace(SURVEY, systemd=manager == "systemd")
        yield from omerodir.directories(image=image)
        yield from files.commands(own, member.settings, manager)
        if not image:
            yield from files.site_items(Target(site, member, survey), own)
            yield trusted_proxies.proxies(Target(site, member, survey))
            yield from firewall.items(
                closed_ports(Target(site, member, survey)), systemd=survey.systemd
            )
    yield files.upstream_command()


def test_each_item_in_the_user_s_place_is_made_by_the_user() -> None:
    seen = 0
    for item in items():
        if item.path.startswith(PLACES):
            assert isinstance(item, (Directory, File)), item.path
            assert item.run_as == USER, item.path
            seen += 1
        script = item.command.text
        if isinstance(item, (Directory, File)) and item.run_as == USER:
            assert f"runuser -u {USER} -- " in script
        assert offences(script) == [], item.path
    assert seen >= 6


def scripts() -> Iterable[tuple[str, str]]:
    for item in items():
        if isinstance(item, File) and item.content.startswith("#!/bin/sh"):
            yield item.path, item.content


def test_no_script_of_root_s_touches_the_user_s_place() -> None:
    """A script that ends as the user may: `omero` and `omeroweb-ops` set variables, no more."""
    found = dict(scripts())
    assert len(found) >= 4
    for path, text in found.items():
        # upstream's command under one lock, handed to runuser by the script's last line
        lines = [line for line in text.splitlines() if "set -- flock --wait 60" not in line]
        for line in lines:
            if any(place in line for place in PLACES):
                assert offences(line.rstrip("\\").removeprefix("export ")) == [], path


def generated(operation: Any, *arguments: object) -> Iterator[str]:
    for command in inspect.unwrap(operation)(*arguments):
        yield str(command) if isinstance(command, StringCommand) else command


def test_no_operation_touches_the_user_s_place_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "host", _Host())
    monkeypatch.setattr(backup, "host", _Host())
    target = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
    settings = only_member(site_of(a_host())).settings
    own = service.omero_web(target, settings, "systemd", socket=True)
    found = ExistingInstallation(
        units=("/etc/systemd/system/omero-web.service",),
        scripts=("/etc/init.d/omero-web",),
        crons=("/etc/cron.daily/omero-web", "/var/spool/cron/crontabs/root"),
        commands=(f"{LOCATIONS.omerodir}/bin/omero",),
        omerodir="/opt/omero/web/omero-web",
        link=True,
        virtualenv=True,
    )
    collected = static_files.collected(f"runuser -u {USER} -- x", target.path, "static", DIGEST)
    commands = [
        *generated(takeover.give_files),
        *generated(takeover.carry_over, found),
        *generated(takeover.end, found),
        collected,
        *(own.restart_on, own.reload_on, own.loaded, own.ready, own.log, own.back, own.again),
        branding.Stale().command(
            "/opt/omero/web/venv3/static/branding", (str(LOCATIONS.config_xml),)
        ),
        ConfigCommand().command("/opt/omero/web/venv3/bin/omeroweb-ops", "check"),
    ]
    for command in commands:
        left = offences(command)
        # a copy that root's own backup gets the attributes of; its content is read by the user
        left = [path for path in left if path != str(LOCATIONS.config_xml)]
        assert left == [], command


class _Host:
    class state:  # noqa: N801  # as pyinfra has it
        is_executing = False


def test_a_long_property_is_shown_in_part_and_is_no_reason_to_refuse() -> None:
    answer = said({"diff": ["x" * 50_000], "changes": [{}], "serves": True})
    assert answer.findings == []
    assert 0 < len(answer.diff[0]) < 30_000
    assert answer.diff[0].endswith("…")
