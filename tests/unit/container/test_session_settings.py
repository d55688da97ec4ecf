"""Where a container's sessions are, and whose password opens Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from omeroweb_ops.container import keys, session_settings
from omeroweb_ops.container.session_settings import OWN_URL, OWN_USER, SessionStore
from omeroweb_ops.container.variable_reader import VariableReader
from omeroweb_ops.state.desired import Desired

from roles.conventions import REDIS_USER
from roles.inventory import settings as inventory

PASSWORD = " p" * 16


def read(**variables: str) -> tuple[SessionStore, list[str]]:
    reader = VariableReader(variables)
    return session_settings.read(reader), [str(each) for each in reader.findings]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the keys, which is mounted."""
    monkeypatch.setattr(keys.read, "__defaults__", (tmp_path,))
    monkeypatch.setattr(keys, "_is_mounted", lambda _path: True)
    return tmp_path


def test_sessions_are_files_unless_a_redis_is_named() -> None:
    assert read() == (SessionStore(), [])
    assert read(WEB_SESSIONS="", WEB_REDIS_URL="", REDIS_PASSWORD=PASSWORD) == (SessionStore(), [])
    found, findings = read(WEB_SESSIONS="file", WEB_REDIS_URL="nonsense", REDIS_USER="u")
    assert (found, findings) == (SessionStore("file"), [])


def test_a_redis_of_others_has_the_login_that_is_given() -> None:
    url = "rediss://redis.example.org:6380"
    assert read(WEB_REDIS_URL=f"{url}/") == (SessionStore(None, url), [])
    found = read(WEB_REDIS_URL=url, WEB_SESSIONS="redis", REDIS_USER="u", REDIS_PASSWORD=PASSWORD)
    assert found == (SessionStore("redis", url, "u", PASSWORD), [])


def test_the_own_redis_has_the_shared_password(folder: Path) -> None:
    found, findings = read(WEB_SESSIONS="redis")
    assert findings == []
    shared = (folder / "redis_password").read_text().strip()
    assert found == SessionStore("redis", OWN_URL, OWN_USER, shared)
    assert REDIS_USER == OWN_USER
    assert shared not in repr(found)
    found, findings = read(WEB_SESSIONS="redis", REDIS_PASSWORD=PASSWORD)
    assert (found.password, findings) == (PASSWORD, [])
    (folder / "redis_password").write_text("short")
    _, (told,) = read(WEB_SESSIONS="redis")
    assert told.startswith(f"REDIS_PASSWORD: {folder}/redis_password is not a key")


def test_every_mistake_is_refused() -> None:
    _, (told,) = read(WEB_SESSIONS="redis")
    assert told.startswith("REDIS_PASSWORD: is missing; set it, or mount")
    _, findings = read(WEB_SESSIONS="redis", REDIS_USER="u", REDIS_PASSWORD=PASSWORD)
    assert findings == ["REDIS_USER: is for a Redis run by others; set WEB_REDIS_URL, too"]
    _, findings = read(WEB_SESSIONS="memory", WEB_REDIS_URL="redis://a/1")
    assert [each.partition(";")[0] for each in findings] == [
        "WEB_SESSIONS: must be redis or file",
        "WEB_REDIS_URL: has a database: OMERO.web uses two, 0 and 1",
    ]


@pytest.mark.parametrize("url", ["redis://u:p@a", "http://a", "redis://a/1", "redis://a:70000"])
def test_a_url_is_refused_with_the_inventory_s_reason_and_without_the_password(url: str) -> None:
    (told,) = inventory.read({"web_redis_url": url})[1]
    _, (own,) = read(WEB_REDIS_URL=url)
    assert own.removeprefix("WEB_REDIS_URL: ").partition(";")[0] in told.message
    assert "u:p" not in own


def test_a_property_that_says_something_else_is_a_contradiction() -> None:
    explicit = Desired({"omero.web.session_engine": "django.contrib.sessions.backends.file"})
    (told,) = session_settings.contradictions(SessionStore("redis"), explicit)
    assert str(told).startswith('WEB_SESSIONS: "redis" contradicts omero.web.session_engine')
    assert [*session_settings.contradictions(SessionStore("file"), explicit)] == []
    assert [*session_settings.contradictions(SessionStore(), explicit)] == []
