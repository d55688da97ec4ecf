"""The command that a host without Python has, run here in folders of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roles import host_paths
from roles.nginx import maintenance_page
from roles.nginx.templating import TEMPLATES
from roles.operations.files import File
from tests.unit.helpers import a_host, a_target, site_of
from tests.unit.nginx.test_maintenance_page import NASTY, Page

OFF = "Planned maintenance is off.\n"


class Command:
    """The command and what it shows."""

    def __init__(self, folder: Path) -> None:
        self.shown = folder / "state/planned"
        self.pages = folder / "pages"
        self.pages.mkdir()
        site = site_of(a_host())
        for item in maintenance_page.items(a_target(site)):
            if isinstance(item, File) and item.path.startswith(host_paths.PAGES):
                (self.pages / Path(item.path).name).write_text(item.content)
        self._script = folder / "omero-web-maintenance"
        self._script.write_text(
            TEMPLATES.get_template("omero-web-maintenance.j2").render(
                pages=self.pages, planned=folder / "state", script=self._script
            )
        )

    def __call__(self, *arguments: str, expect: int = 0, zone: str = "UTC") -> str:
        done = subprocess.run(
            ["sh", str(self._script), *arguments],
            capture_output=True,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": zone},
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stderr if expect == 2 else done.stdout

    def page(self) -> Page:
        return Page((self.shown / "maintenance.html").read_text(encoding="utf-8"))

    def answer(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(
            (self.shown / "maintenance.json").read_text(encoding="utf-8")
        )
        return found

    def end(self) -> datetime:
        """What NGINX's Retry-After says."""
        (found,) = {
            int((self.shown / f"maintenance.{kind}").stat().st_mtime) for kind in ("html", "json")
        }
        return datetime.fromtimestamp(found, UTC)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    return Command(tmp_path_factory.mktemp("command"))


@pytest.fixture(autouse=True)
def _off(command: Command) -> Iterator[None]:
    yield
    command("off")


def test_on_status_and_off(command: Command) -> None:
    assert command("status", expect=1) == OFF
    on = command("on", "--message", "New disks", "--until=2099-11-25T18:00+01:00")
    assert on == (
        "Planned maintenance is on.\nMessage: New disks\n"
        "Expected end: Wednesday 25 November 2099, 17:00 UTC\n"
    )
    assert command("status") == on
    assert "New disks" in command.page().text
    assert command.answer() == {
        "error": "maintenance",
        "message": "New disks",
        "expected_end": "2099-11-25T17:00:00+00:00",
    }
    assert command("off") == OFF
    assert not command.shown.exists()
    assert command("off") == OFF


def test_without_message_and_end_the_page_is_complete(command: Command) -> None:
    command("on")
    assert "OMERO.web is down for planned maintenance." in command.page().text
    assert "Expected back" not in command.page().text
    assert command.answer()["retry_after"] == maintenance_page.PLANNED_RETRY_AFTER
    assert not (command.shown / "until").exists()


def test_a_second_time_nothing_is_written_and_another_message_takes_the_place(
    command: Command,
) -> None:
    given = ("on", "--message", "one")
    assert command(*given, "--dry-run") == "change\n"
    command(*given)
    before = (command.shown.readlink(), (command.shown / "maintenance.html").stat().st_ino)
    assert command(*given, "--dry-run") == "same\n"
    command(*given)
    assert (command.shown.readlink(), (command.shown / "maintenance.html").stat().st_ino) == before
    assert command("on", "--message", "two", "--dry-run") == "change\n"
    assert "one" in command.page().text
    command("on", "--message", "two")
    assert "two" in command.page().text
    assert command("off", "--dry-run") == "change\n"
    command("off")
    assert command("off", "--dry-run") == "same\n"
    assert [each.name for each in command.shown.parent.iterdir()] == ["lock"]


def test_what_an_interrupted_run_left_is_no_maintenance_and_goes(command: Command) -> None:
    left = command.shown.parent / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "maintenance.html").write_text("half a pa")
    assert command("status", expect=1) == OFF
    command("on")
    assert not left.exists()
    left.mkdir()
    command("on")
    assert not left.exists()


@pytest.mark.parametrize("message", NASTY)
def test_a_message_is_read_as_it_was_written(command: Command, message: str) -> None:
    command("on", "--message", message)
    assert message in command.page().text
    assert command.answer()["message"] == message


@settings(max_examples=25)
@given(
    st.text(
        st.one_of(
            st.sampled_from("{}<>&'\"\\$`%;|\n\t"),
            st.characters(codec="utf-8", exclude_categories=["Cc"]),
        ),
        min_size=1,
    ).filter(lambda text: text.strip("\n"))
)
def test_no_message_adds_an_element_or_runs_a_command(command: Command, message: str) -> None:
    command("on", "--message", "x")
    plain = command.page().tags
    command("on", f"--message={message}")
    assert command.page().tags == plain
    assert command.answer()["message"] == message.rstrip("\n")
    assert message.rstrip("\n") in command.page().text


def test_placeholders_in_a_message_stay_what_they_are(command: Command) -> None:
    command("on", "--message", "{{ expected_end }} {{message}}", "--until", "2099-01-01T00:00Z")
    assert "{{ expected_end }} {{message}}" in command.page().text


@pytest.mark.parametrize("message", ["a\x1b[31mred", "bell\x07", "cr\r", "\x7f", "csi\x9b2J"])
def test_control_characters_are_refused(command: Command, message: str) -> None:
    assert "--message: must be plain text without control characters" in command(
        "on", "--message", message, expect=2
    )
    assert not command.shown.exists()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2099-11-25T18:00+01:00", "2099-11-25T17:00:00+00:00"),
        ("2099-11-25T18:00:30Z", "2099-11-25T18:00:30+00:00"),
        ("2099-11-25 18:00-0530", "2099-11-25T23:30:00+00:00"),
        ("2099-11-25T18:00", "2099-11-25T17:00:00+00:00"),  # of the host, in Berlin
        ("2099-07-25T18:00", "2099-07-25T16:00:00+00:00"),
    ],
)
def test_a_point_in_time(command: Command, written: str, meant: str) -> None:
    command("on", "--until", written, zone="Europe/Berlin")
    assert command.end() == datetime.fromisoformat(meant)
    shown = command.answer()["expected_end"]
    assert datetime.fromisoformat(str(shown)) == command.end()
    assert f'datetime="{shown}"' in (command.shown / "maintenance.html").read_text()


@pytest.mark.parametrize(
    ("written", "distance"),
    [("+30m", timedelta(minutes=30)), ("+02h", timedelta(hours=2)), ("+3d", timedelta(days=3))],
)
def test_a_time_from_now_is_cut_to_the_minute(
    command: Command, written: str, distance: timedelta
) -> None:
    before = datetime.now(UTC).replace(second=0, microsecond=0)
    command("on", "--until", written)
    assert before + distance <= command.end() <= datetime.now(UTC) + distance
    assert command.end().second == 0


def test_a_time_of_day_is_the_next_one(command: Command) -> None:
    for hours in (1, 23):
        soon = datetime.now(UTC) + timedelta(hours=hours)
        command("on", "--until", f"{soon:%H:%M}")
        assert command.end() == soon.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    "written",
    [
        "tomorrow", "25:00", "2099-13-01T00:00", "2099-11-25", "+2", "+2w", "2h", "18", "-1h",
        "18:00; reboot", "$(id)", "18:00\n19:00", "2099-11-25T18:00 CET", "+99999h",
    ],
)  # fmt: skip
def test_what_is_no_time_is_one_clear_error(command: Command, written: str) -> None:
    told = command("on", "--until", written, expect=2)
    assert told.startswith(
        f"omeroweb-ops maintenance: --until: must be a time, not '{written}'. Example:"
    )
    assert not command.shown.exists()


@pytest.mark.parametrize("written", ["2001-01-01T00:00Z", "+0h"])
def test_a_time_in_the_past_is_refused(command: Command, written: str) -> None:
    assert "is in the past" in command("on", "--until", written, expect=2)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "usage: omeroweb-ops maintenance on"),
        (("explode",), "usage: "),
        (("on", "now"), "usage: "),
        (("on", "--message"), "--message: a value is missing"),
    ],
)
def test_wrong_words_are_answered_with_the_right_ones(
    command: Command, arguments: tuple[str, ...], told: str
) -> None:
    assert told in command(*arguments, expect=2)
    assert not command.shown.exists()


def test_status_says_when_the_end_has_passed_and_stays_on(command: Command) -> None:
    command("on", "--until", "+1h")
    for path in command.shown.glob("maintenance.*"):
        path.touch()
    assert "is over; `off` ends the maintenance" in command("status")
