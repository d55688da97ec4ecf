"""config.xml as omero-py's ConfigXml writes it, and writes that a crash cannot spoil."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared import regular_file
from omeroweb_ops.state import config_xml

from tests.unit.helpers import die_before_line

# Written by hand in the form of ConfigXml.save: a comment with the time, the active copy, every
# profile, the include; one line but for the comment.
UPSTREAM = """\
<?xml version='1.0' encoding='UTF-8'?>
<icegrid><!--

\tThis file was generated at Mon Nov 24 10:00:00 2025 by the OmeroConfig system.
\tDo not edit directly but see bin/omero config for details.
\tThis file may be included into your IceGrid application.

--><properties id="__ACTIVE__"><property name="omero.config.profile" value="{profile}" />\
<property name="omero.config.version" value="5.1.0" />\
<property name="omero.web.prefix" value="/copy" /></properties>\
<properties id="default"><property name="omero.config.version" value="5.1.0" />\
<property name="omero.web.prefix" value="/omero" />\
<property name="omero.web.apps" value="[&quot;omero_figure&quot;, &quot;Ä&amp;B&quot;]" />\
</properties><properties id="other"><property name="omero.config.version" value="5.1.0" />\
<property name="omero.web.debug" value="true" /></properties>\
<include file="templates.xml" /></icegrid>"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.xml"


def upstream(profile: str = "default") -> str:
    return UPSTREAM.replace("{profile}", profile)


def blocks(path: Path) -> dict[str, dict[str, str]]:
    """Each `properties` element, as a reader that knows nothing of this project sees it."""
    return {
        block.get("id", ""): {
            entry.get("name", ""): entry.get("value", "") for entry in block.findall("property")
        }
        for block in ElementTree.parse(path).getroot().findall("properties")
    }


def test_no_file_and_an_empty_file_hold_no_properties(path: Path) -> None:
    assert config_xml.read(path) == {}
    path.write_text("")  # ConfigXml opens with "a+", so a crash of it leaves this
    assert config_xml.read(path) == {}


def test_the_default_profile_is_read_without_what_is_not_a_property(path: Path) -> None:
    path.write_text(upstream(), encoding="utf-8")
    assert config_xml.read(path) == {
        "omero.web.prefix": "/omero",
        "omero.web.apps": '["omero_figure", "Ä&B"]',
    }


def test_the_profile_that_is_active_is_the_one_that_is_read(path: Path) -> None:
    path.write_text(upstream("other"), encoding="utf-8")
    assert config_xml.read(path) == {"omero.web.debug": "true"}


def test_a_file_that_is_no_xml_is_reported_with_its_path_and_kept(path: Path) -> None:
    path.write_text("<icegrid>")
    for action in (lambda: config_xml.read(path), lambda: config_xml.write(path, {})):
        with pytest.raises(config_xml.Unreadable, match=r"config\.xml is not readable XML.*repair"):
            action()
    assert path.read_text() == "<icegrid>"


def test_a_write_has_the_form_that_omero_reads(path: Path) -> None:
    config_xml.write(path, {"omero.web.prefix": "/omero"})
    assert blocks(path) == {
        "__ACTIVE__": {
            "omero.config.profile": "default",
            "omero.config.version": "5.1.0",
            "omero.web.prefix": "/omero",
        },
        "default": {"omero.config.version": "5.1.0", "omero.web.prefix": "/omero"},
    }
    root = ElementTree.parse(path).getroot()
    assert root.tag == "icegrid"
    assert [include.get("file") for include in root.findall("include")] == ["templates.xml"]


@pytest.mark.parametrize("profile", ["default", "other"])
def test_a_write_changes_the_active_profile_and_keeps_the_others(path: Path, profile: str) -> None:
    path.write_text(upstream(profile), encoding="utf-8")
    before = blocks(path)
    config_xml.write(path, {"omero.web.page_size": "100"})
    after = blocks(path)
    assert after["__ACTIVE__"]["omero.config.profile"] == profile
    for block in ("__ACTIVE__", profile):
        names = {name for name in after[block] if not name.startswith("omero.config.")}
        assert names == {"omero.web.page_size"}
    kept = {"default", "other"} - {profile}
    assert all(after[block] == before[block] for block in kept)
    assert config_xml.read(path) == {"omero.web.page_size": "100"}


def test_nothing_piles_up_over_many_writes(path: Path) -> None:
    path.write_text(upstream(), encoding="utf-8")
    config_xml.write(path, {"omero.web.page_size": "100"})
    first = path.read_bytes()
    for _ in range(3):
        config_xml.write(path, {"omero.web.page_size": "100"})
    assert path.read_bytes() == first


XML_TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r")
)


@given(st.dictionaries(st.text("abc.", min_size=1), XML_TEXT))
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, properties: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.xml"
    config_xml.write(path, properties)
    assert config_xml.read(path) == properties


def test_no_other_user_can_read_a_written_file(path: Path) -> None:
    previous = os.umask(0)
    try:
        config_xml.write(path, {"omero.web.secret_key": "hunter2"})
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o644)  # as every `omero config` leaves it
        config_xml.write(path, {"omero.web.secret_key": "hunter3"})
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_umask_does_not_keep_the_group_from_reading(path: Path) -> None:
    previous = os.umask(0o077)
    try:
        config_xml.write(path, {})
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_content_is_on_disk_before_it_takes_the_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut could leave the name with an empty file, or undo the rename."""
    steps: list[str] = []

    def fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        steps.append(f"{kind} of {os.fstat(descriptor).st_size if kind == 'file' else 0} bytes")

    def rename(old: Path, new: Path) -> None:
        steps.append("rename")
        os.rename(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    regular_file.replace(path, b"12345")
    assert steps == ["file of 5 bytes", "rename", "folder of 0 bytes"]


def test_killed_before_any_line_the_old_or_the_new_file_stands_whole(path: Path) -> None:
    old, new = {"omero.web.prefix": "/old"}, {"omero.web.prefix": "/new", "omero.web.apps": "[]"}
    seen = set()
    finished, line = False, 0
    while not finished:
        line += 1
        config_xml.write(path, old)
        finished = die_before_line(line, lambda: config_xml.write(path, new))
        found = config_xml.read(path)
        assert found in (old, new)
        seen.add(len(found))
        config_xml.write(path, new)  # what was left behind is in nobody's way
        assert config_xml.read(path) == new
        assert os.listdir(path.parent) == ["config.xml"]
    assert line > 20
    assert seen == {len(old), len(new)}


def test_a_first_write_that_is_killed_leaves_no_half_file(path: Path) -> None:
    finished, line = False, 0
    while not finished:
        line += 1
        path.unlink(missing_ok=True)
        finished = die_before_line(line, lambda: config_xml.write(path, {"a": "b"}))
        assert config_xml.read(path) == ({"a": "b"} if path.exists() else {})


def test_a_reader_during_writes_and_kills_never_sees_half_a_file(path: Path) -> None:
    contents = [{"a": str(number) * 20_000} for number in range(2)]
    config_xml.write(path, contents[0])
    seen: set[str] = set()
    for _ in range(10):
        child = os.fork()
        if child == 0:
            for number in range(1, 100_000):  # far more than it is given time for
                config_xml.write(path, contents[number % 2])
            os._exit(1)
        fresh: set[str] = set()
        while len(fresh) < 2:  # until both have been met: the child is in its loop
            found = config_xml.read(path)
            assert found in contents
            fresh.add(found["a"][0])
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert config_xml.read(path) in contents
        seen |= fresh
    assert seen == {"0", "1"}
