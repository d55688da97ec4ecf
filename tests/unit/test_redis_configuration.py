"""Redis' configuration, read as Redis reads it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roles import redis
from roles.settings import Settings

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}


def arguments(line: str) -> list[str]:
    """sdssplitargs of Redis (sds.c), for lines without single quotes."""
    found: list[str] = []
    rest = line.strip()
    while rest:
        if rest[0] != '"':
            word, _, rest = rest.partition(" ")
            found.append(word)
            continue
        text, position = "", 1
        while rest[position] != '"':
            character = rest[position]
            if character == "\\" and rest[position + 1] == "x":
                text += chr(int(rest[position + 2 : position + 4], 16))
                position += 3
            elif character == "\\":
                position += 1
                text += ESCAPES.get(rest[position], rest[position])
            else:
                text += character
            position += 1
        assert rest[position + 1 : position + 2] in ("", " "), "the closing quote ends the word"
        found.append(text)
        rest = rest[position + 1 :].strip()
    return found


def read(text: str) -> dict[str, list[str]]:
    """Each directive with its arguments; none is given twice."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        if line.strip() and not line.startswith("#"):
            name, *rest = arguments(line)
            assert name not in found
            found[name] = rest
    return found


def configuration(password: str | None = None, **data: object) -> dict[str, list[str]]:
    return read(redis.configuration(Settings.model_validate(data), password))


def test_sessions_survive_a_restart_and_are_never_dropped_for_room() -> None:
    found = configuration()
    assert found["appendonly"] == ["yes"]
    assert found["maxmemory-policy"] == ["noeviction"]


def test_only_this_host_is_served_unless_the_site_says_otherwise() -> None:
    found = configuration()
    assert found["bind"] == ["127.0.0.1"]
    assert found["protected-mode"] == ["yes"]
    assert found["port"] == ["6379"]
    assert not {"requirepass", "maxmemory"} & found.keys()


def test_the_site_s_settings_are_written() -> None:
    found = configuration(redis_bind="127.0.0.1 -::1", redis_port=6380, redis_maxmemory="1gb")
    assert (found["bind"], found["port"], found["maxmemory"]) == (
        ["127.0.0.1", "-::1"],
        ["6380"],
        ["1gb"],
    )


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
@example('quote " and \\ and \\" and \\\\ at the end \\')
@example("spaces  and # and 'single'")
@example('ends with a quote"')
def test_any_password_is_read_as_it_was_written(password: str) -> None:
    assert configuration(password)["requirepass"] == [password]


@pytest.mark.parametrize("password", ["two\nlines", "ends with a line\n", "a\rb", "nul\x00l"])
def test_a_password_with_control_characters_adds_no_line(password: str) -> None:
    """YAML's `|` ends a text with a line's end: Redis would not start."""
    assert configuration(password)["requirepass"] == [password]


def test_the_service_starts_again_for_another_configuration_and_is_debian_s_own() -> None:
    service = redis.service()
    assert service.name == "redis-server"
    assert redis.CONFIGURATION in service.restart_on
    assert redis.MAIN in service.command
