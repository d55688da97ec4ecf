"""Redis' configuration, read as Redis reads it."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from omeroweb_ops.shared.redis_memory import Memory

from roles import host_paths
from roles.inventory.settings import Settings
from roles.redis import administrator, configuration, legacy_files, memory_check
from roles.redis import role as redis
from roles.redis.configuration import ADMINISTRATOR, default_limit, text

GIGABYTE = 1 << 20  # in kilobytes
CONTROL = [
    "CONFIG",
    "ACL",
    "FLUSHALL",
    "KEYS",
    "SHUTDOWN",
    "DEBUG",
    "MONITOR",
    "MODULE",
    "FUNCTION",
    "EVAL",
    "EVALSHA",
    "SCRIPT",
    "SCRIPT|LOAD",
    "FCALL",
]


def read(password: str | None = None, memory: int = 4 * GIGABYTE, **data: object) -> dict[str, str]:
    """Each directive with its arguments; a user's is named by the user. None is given twice."""
    found: dict[str, str] = {}
    for line in text(Settings.model_validate(data), password, memory).splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            if name == "user":
                user, _, rest = rest.partition(" ")
                name = f"user {user}"
            assert name not in found
            found[name] = rest
    return found


def test_sessions_survive_a_restart_and_are_never_dropped_for_room() -> None:
    found = read()
    assert (found["appendonly"], found["appendfsync"]) == ("yes", "everysec")
    assert found["maxmemory-policy"] == "noeviction"


def test_there_is_no_port_that_any_user_of_the_host_could_reach() -> None:
    found = read("p" * 16)
    assert (found["port"], found["tls-port"], found["protected-mode"]) == ("0", "0", "yes")
    assert "bind" not in found
    assert found["unixsocket"] == "/var/lib/omero-web-redis/redis.sock"
    assert found["unixsocketperm"] == "660"  # its folder's group is OMERO.web's
    assert "requirepass" not in found  # which users make useless
    assert found["user default"] == "off"


@pytest.mark.parametrize(
    ("opened", "bind", "port"),
    [
        ({"redis_port": 6380}, "127.0.0.1", "6380"),
        ({"redis_bind": "127.0.0.1 -::1"}, "127.0.0.1 -::1", "6379"),
        ({"redis_bind": "10.0.0.1", "redis_port": 6380}, "10.0.0.1", "6380"),
    ],
)
def test_either_setting_opens_a_port_to_those_who_have_the_password(
    opened: dict[str, Any], bind: str, port: str
) -> None:
    found = read("p" * 16, **opened)
    assert (found["bind"], found["port"]) == (bind, port)
    assert "tls-port" not in found  # the site may have one of its own in redis.conf
    for user in ("omero-web", "default"):
        assert found[f"user {user}"].startswith("on #")
    assert "@write" not in found["user default"]
    assert read(None, **opened)["port"] == "0"  # never without


def test_an_omero_web_installed_otherwise_keeps_its_port_until_it_is_replaced() -> None:
    def lines(**data: object) -> list[str]:
        return text(Settings.model_validate(data), "p" * 16, GIGABYTE, takeover=True).splitlines()

    assert "port 6379" in lines()
    assert any(each.startswith("user default on nopass ~* -@all") for each in lines())
    assert not any(each.startswith("bind") for each in lines())  # Debian's own: loopback
    assert not any("nopass" in each for each in lines(redis_bind="10.0.0.1"))


def test_the_limit_of_memory_may_be_the_site_s() -> None:
    assert read(redis_maxmemory="1gb")["maxmemory"] == "1gb"


@pytest.mark.parametrize("user", ["omero-web", "default"])
def test_who_comes_without_root_s_secret_may_use_the_store_and_not_the_server(user: str) -> None:
    rules = read("p" * 16, redis_port=6379)[f"user {user}"].split()
    given = [rule for rule in rules if rule.startswith("+")]
    assert "-@all" in rules[: rules.index(given[0])]
    # whole categories first, what is dangerous in them out again, single commands at the end
    after = rules[rules.index("-@dangerous") :]
    assert "-@scripting" in after
    assert not [rule for rule in after if rule.startswith("+@")]
    assert not [rule for rule in after if rule.lstrip("+").upper() in CONTROL]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@example('quote " and \\ and \\" and \\\\ at the end \\')
@example("two\nlines")  # YAML's `|` ends a text with a line's end
@example("spaces  and # and 'single'")
def test_a_password_is_there_as_redis_keeps_it_and_never_as_it_is(password: str) -> None:
    found = read(password)
    hashed = "#" + hashlib.sha256(password.encode()).hexdigest()
    assert found["user omero-web"].split()[:2] == ["on", hashed]
    assert found.keys() == read().keys()
    opened = read(password, redis_port=6379)
    assert opened["user default"].split()[:2] == ["on", hashed]


@given(st.integers(0, 1 << 40))
@example(0)
@example(24684092)
def test_the_limit_follows_the_host_s_memory_in_steps(memory: int) -> None:
    limit = default_limit(memory)
    assert limit.bit_count() == 1
    assert limit == 64 or memory / 8 <= limit * 1024 <= memory / 4
    assert read(memory=memory)["maxmemory"] == f"{limit}mb"


def test_a_kernel_that_counts_a_little_less_is_seldom_a_change() -> None:
    limits = [default_limit(memory) for memory in range(GIGABYTE, 65 * GIGABYTE, 10_000)]
    assert sum(one != other for one, other in itertools.pairwise(limits)) == 6


def test_the_service_starts_again_for_another_configuration_and_is_debian_s_own() -> None:
    service = redis.service()
    assert service.name == "redis-server"
    for path in (configuration.OWN, host_paths.REDIS_DROP_IN, ADMINISTRATOR, configuration.MAIN):
        assert path in service.restart_on
    # Debian's file first: what follows has the last word
    assert f" {configuration.MAIN} --include {configuration.OWN} " in service.command


def test_the_administrator_s_command_holds_no_secret_and_names_none_in_a_command_line() -> None:
    command = administrator.command()
    (last,) = [line for line in command.content.splitlines() if line.startswith("exec")]
    assert "--pass" not in last
    assert "-a " not in last
    assert "REDISCLI_AUTH=$(cat /var/lib/omeroweb-ops/redis-admin)" in command.content


def test_root_writes_nothing_where_redis_could_have_links() -> None:
    """/etc/redis belongs to redis; what is left there is removed as redis."""
    for path in (configuration.OWN, ADMINISTRATOR):
        assert path.startswith("/etc/omero-web-redis/")
    assert legacy_files.READ_MAIN.startswith("timeout -k 5 10 setsid -w setpriv --reuid redis ")
    for command in (legacy_files.HasFormer().command(), redis.service().log):
        assert "runuser -u redis -- sh -c" in command.partition("\nlimited 10 ")[2]


@given(st.lists(st.text() | st.from_regex(r"(used_memory|maxmemory):.*")))
@example(["used_memory:" + "9" * 5000, "maxmemory:-1"])
@example(["used_memory:1e9", "maxmemory:\x1b[2J"])
def test_whatever_answers_for_redis_is_read(answer: list[str]) -> None:
    found = memory_check.UsedMemory().process(answer)
    assert 0 <= found.used < 10**18


def test_the_memory_of_redis_is_read() -> None:
    answer = ["# Memory\r", "used_memory:900\r", "used_memory_human:9B\r", "maxmemory:1000\r"]
    assert memory_check.UsedMemory().process(answer) == Memory(900, 1000)
