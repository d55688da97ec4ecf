"""Who may read what in the stand-in, its sessions and the bytes of its files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.omero_stand_in.__main__ import parser
from tests.omero_stand_in.content import Account, Content, Sizes
from tests.omero_stand_in.files import PERIOD, Files, period
from tests.omero_stand_in.sessions import Refused, Sessions


@pytest.fixture
def content() -> Content:
    users = ["ada:one:lab:Ada Lovelace", "bob:two:lab", "eve:three:works"]
    return Content([Account.parse(each) for each in users], Sizes(1, 1, 1))


def test_users_read_what_their_groups_have(content: Content) -> None:
    def read(name: str, group: int = -1) -> set[str]:
        user = content.user(name)
        assert user
        return {each.details.owner.omeName for each in content.visible(user, "Image", group)}

    assert read("ada") == read("bob") == {"ada", "bob"}
    assert read("eve") == {"eve"}
    assert read("root") == {"ada", "bob", "eve"}
    assert read("guest") == set()
    assert read("ada", group=4) == set()  # of eve


def test_accounts_are_read() -> None:
    assert Account.parse("ada:pass:lab,works:Ada: the first").full_name == "Ada: the first"
    assert Account.parse("bob:pass").groups == ("lab",)
    for wrong in ("ada", ":pass", "ada:"):
        with pytest.raises(ValueError, match="must be NAME:PASSWORD"):
            Account.parse(wrong)


def test_sizes_have_units() -> None:
    options = parser().parse_args(["--user", "ada:pass", "--file-size", "4G"])
    assert options.file_size == 4_000_000_000


def test_sessions_are_joined_end_and_are_refused(content: Content) -> None:
    sessions = Sessions(content, idle_timeout=60)
    session = sessions.log_in("ada", "one", "web")
    assert sessions.log_in(session.uuid, session.uuid, "web") is session
    for name, password in (("ada", "two"), ("nobody", "one"), ("root", ""), ("x", "x")):
        with pytest.raises(Refused):
            sessions.log_in(name, password, "web")
    session.used -= 61
    assert sessions.find(session.uuid) is None
    again = sessions.log_in("ada", "one", "web")
    sessions.close(again.uuid)
    with pytest.raises(Refused):
        sessions.log_in(again.uuid, again.uuid, "web")


@given(st.integers(0, 3 * PERIOD), st.integers(0, 2 * PERIOD))
def test_a_file_is_the_same_wherever_it_is_read(position: int, length: int) -> None:
    size = 3 * PERIOD - 5
    whole = (period(7) * 3)[:size]
    assert Files().read(7, size, position, length) == whole[position : position + length]


@given(st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=20)), min_size=1))
def test_an_upload_is_what_was_written(blocks: list[tuple[int, bytes]]) -> None:
    files, expected = Files(), bytearray()
    for position, data in blocks:
        expected.extend(bytes(max(position + len(data) - len(expected), 0)))
        expected[position : position + len(data)] = data
        assert files.write(1, position, data) == len(expected)
    assert files.read(1, len(expected), 0, len(expected)) == expected
