"""The web_secrets file: never in host data, and its text in no message."""

from __future__ import annotations

from pathlib import Path

import pytest

from roles.secrets_file import read_secrets
from tests.unit.helpers import a_host, mistakes_of, properties_of, site_of

SECRET = "hunter2-hunter2-hunter2-hunter2-"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.yml"


def told(path: Path) -> str:
    """All that is said of the file alone, and as part of a site."""
    _values, findings = read_secrets(str(path))
    (message,) = (str(finding) for finding in findings)
    assert f"@local: {message}" in mistakes_of(a_host(web_secrets=str(path)))
    return message


def test_properties_and_the_password_of_redis_are_read(path: Path) -> None:
    path.write_text(f"redis_password: {SECRET}\nomero.web.secret_key: key-{SECRET}-{SECRET}\n")
    site = site_of(a_host(web_secrets=str(path), redis_bind="0.0.0.0"))
    assert site.redis_password == SECRET
    texts = properties_of(site)
    assert texts["omero.web.secret_key"] == f"key-{SECRET}-{SECRET}"
    assert SECRET in texts["omero.web.caches"]
    assert "redis_password" not in texts


def test_a_password_of_digits_is_text(path: Path) -> None:
    path.write_text("redis_password: 4711471147114711\n")
    assert site_of(a_host(web_secrets=str(path))).redis_password == "4711471147114711"


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "{}\n", "---\n"])
def test_a_file_without_secrets_is_fine(path: Path, content: str) -> None:
    path.write_text(content)
    assert read_secrets(str(path)) == ({}, [])


def test_a_file_that_is_gone_is_named(path: Path) -> None:
    assert f"there is no file {path}" in "".join(mistakes_of(a_host(web_secrets=str(path))))
    _values, (finding,) = read_secrets(str(path))  # gone since it was looked for
    assert f"{path} cannot be read" in str(finding)


def test_a_file_that_may_not_be_read_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(SECRET)

    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything
    _values, (finding,) = read_secrets(str(path))
    assert f"{path} cannot be read" in str(finding)
    assert "Permission denied" in str(finding)


@pytest.mark.parametrize(
    "content",
    [
        f"redis_password: '{SECRET}\n",  # the quote is not closed
        f"omero.web.secret_key: a\n  {SECRET}: [\n",
        f"redis_password: {SECRET}: x\n",
        f"\tredis_password: {SECRET}\n",
        f"redis_password: !!python/object:{SECRET} x\n",
        f"? [{SECRET}]\n: x\n",
        f"redis_password: *{SECRET}\n",
        f"a: &{SECRET}\n&{SECRET} b: c\n- d",
    ],
)
def test_what_is_no_yaml_is_named_with_its_line_and_without_its_text(
    path: Path, content: str
) -> None:
    path.write_text(content)
    message = told(path)
    assert f"{path} is not YAML (line " in message
    assert SECRET not in message


@pytest.mark.parametrize("content", [SECRET, f"- {SECRET}\n", f'"{SECRET}"', "42"])
def test_what_is_no_mapping_is_named_without_its_text(path: Path, content: str) -> None:
    path.write_text(content)
    message = told(path)
    assert f"{path} holds no {{name: value}}" in message
    assert SECRET not in message


def test_a_file_in_another_encoding_is_named_without_its_text(path: Path) -> None:
    path.write_bytes(b"redis_password: \xfc" + SECRET.encode())
    message = told(path)
    assert f"{path} cannot be read" in message
    assert SECRET not in message


def test_a_name_that_is_no_property_is_answered_with_the_nearest(path: Path) -> None:
    path.write_text(f"omero.web.secretkey: {SECRET}\nredis_pasword: {SECRET}\n5: {SECRET}\n")
    found = mistakes_of(a_host(web_secrets=str(path)))
    assert len(found) == 3
    said = "\n".join(sorted(found))
    assert "omero.web.secretkey: " in said
    assert "did you mean omero.web.secret_key?" in said
    assert "redis_pasword: " in said
    assert "did you mean redis_password?" in said
    assert SECRET not in said


@pytest.mark.parametrize("value", ["", "''", "~"])
def test_a_name_without_a_value_is_a_mistake(path: Path, value: str) -> None:
    path.write_text(f"redis_password: {value}\n")
    assert "redis_password: has no value" in told(path)


@pytest.mark.parametrize("value", [f"[{SECRET}]", f"{{a: {SECRET}}}", f'"{SECRET}".x'])
def test_a_secret_of_the_wrong_type_is_not_told(path: Path, value: str) -> None:
    path.write_text(f"omero.web.secret_key: {value}\nomero.mail.password: 2024-10-26\n")
    messages = " ".join(mistakes_of(a_host(web_secrets=str(path))))
    assert SECRET not in messages
    assert "2024" not in messages


@pytest.mark.parametrize("value", [f"[{SECRET}]", f"{{a: {SECRET}}}", "true", "2024-10-26"])
def test_a_redis_password_that_is_no_text_is_a_mistake(path: Path, value: str) -> None:
    """As text it would be Python's own form of it, which nobody would guess."""
    path.write_text(f"redis_password: {value}\n")
    (message,) = mistakes_of(a_host(web_secrets=str(path)))
    assert "redis_password" in message
    assert SECRET not in message


def test_all_mistakes_of_the_file_are_told_together_with_the_others(path: Path) -> None:
    path.write_text("redis_password:\nomero.web.secretkey: x\n")
    found = mistakes_of(a_host(web_secrets=str(path), nginx_http_port="80"))
    assert len(found) == 3
    assert all(message.startswith("@local: ") for message in found)


def test_a_property_in_both_places_is_a_mistake(path: Path) -> None:
    path.write_text(f"omero.web.secret_key: {SECRET}\n")
    data = {"omero.web.secret_key": "other"}
    (message,) = mistakes_of(a_host(web_secrets=str(path), web_config=data))
    assert "omero.web.secret_key: is in web_config and in the web_secrets file" in message
    assert SECRET not in message


def test_a_plugin_s_secret_may_be_in_the_file(path: Path) -> None:
    """As its other properties may be in web_config, once the site names apps of its own."""
    path.write_text(f"omero.web.sso.client_password: {SECRET}\n")
    site = site_of(
        a_host(web_secrets=str(path), web_config_append={"omero.web.apps": ["omero_sso"]})
    )
    member = site.members["@local"]
    assert site.desired(member).set["omero.web.sso.client_password"] == SECRET
