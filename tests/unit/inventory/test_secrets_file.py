"""The web_secrets file: never in host data, and its text in no message."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest
import yaml

from roles.inventory import secrets_file
from roles.inventory.secrets_file import read_secrets
from roles.inventory.site import load
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

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
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
        f"redis_password: !!timestamp {SECRET}\n",
        f"redis_password: !!int {SECRET}\n",
    ],
)
def test_what_is_no_yaml_is_named_with_its_line_and_without_its_text(
    path: Path, content: str
) -> None:
    path.write_text(content)
    message = told(path)
    assert f"{path} is not YAML" in message
    assert ("(line " in message) == ("!!int" not in content and "!!timestamp" not in content)
    assert SECRET not in message


@pytest.mark.parametrize("content", [SECRET, f"- {SECRET}\n", f'"{SECRET}"', "42"])
def test_what_is_no_mapping_is_named_without_its_text(path: Path, content: str) -> None:
    path.write_text(content)
    message = told(path)
    assert f"{path} must have lines `name: value`" in message
    assert SECRET not in message


def test_a_file_in_another_encoding_is_named_without_its_text(path: Path) -> None:
    path.write_bytes(b"redis_password: \xfc" + SECRET.encode())
    message = told(path)
    assert f"{path} cannot be read" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    "content", [f"{{redis_password:{SECRET}}}", f"'{SECRET} x': y", f"? {SECRET}{{}}\n: x\n"]
)
def test_what_is_no_name_is_not_told(path: Path, content: str) -> None:
    path.write_text(content)
    message = told(path)
    assert "name 1: (not shown)" in message
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


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o601])
def test_a_file_that_others_may_read_or_change_is_refused(path: Path, mode: int) -> None:
    path.write_text(f"redis_password: {SECRET}\n")
    path.chmod(mode)
    assert f"(mode {mode:04o}); run chmod 600 {path}" in told(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owner_alone_is_read(path: Path, mode: int) -> None:
    path.write_text(f"redis_password: {SECRET}\n")
    path.chmod(mode)
    assert read_secrets(str(path)) == ({"redis_password": SECRET}, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_file_of_another_user_is_refused_unless_that_is_who_called_sudo(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(f"redis_password: {SECRET}\n")
    os.chown(path, 4711, -1)
    assert f"(uid 4711), who can change it; run chown 0 {path}" in told(path)
    monkeypatch.setenv("SUDO_UID", "4711")
    assert read_secrets(str(path))[1] == []


def read_by_two_hosts(source: object) -> dict[str, object]:
    """What a site of two hosts knows; its settings are read twice."""
    site, findings = load([a_host(name, "web", web_secrets=source) for name in ("a", "b")])
    again, more = load([a_host("c", "web", web_secrets=source)])
    assert [*findings, *more] == []
    assert site.secrets == again.secrets
    return dict(site.secrets)


def test_a_pipe_is_read_once_for_all_hosts(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = {"redis_password": SECRET * 50_000}  # more than a pipe holds
    writer = threading.Thread(target=pipe.write_text, args=(yaml.safe_dump(content),))
    writer.start()
    assert read_by_two_hosts(str(pipe)) == content
    writer.join()


def test_a_descriptor_of_the_shell_s_may_be_the_file() -> None:
    """As `--data web_secrets=<(sops -d secrets.yml)` passes it."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    os.write(writing, f"redis_password: {SECRET}\n".encode())
    os.close(writing)
    assert read_by_two_hosts(f"/dev/fd/{reading}") == {"redis_password": SECRET}
    os.close(reading)


def test_a_command_is_run_once_for_all_hosts(tmp_path: Path) -> None:
    script = f"echo run >> {tmp_path}/runs; echo redis_password: {SECRET}; echo note >&2"
    command = {"command": ["sh", "-c", script]}
    assert read_by_two_hosts(command) == {"redis_password": SECRET}
    assert (tmp_path / "runs").read_text() == "run\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {SECRET}; echo no key >&2; exit 3", "sh ended with status 3: no key"),
        (f"echo {SECRET}; printf 'a\\033[31m\\n' >&2; exit 3", "status 3: a [31m"),
        (f"echo {SECRET}; exit 1", "sh ended with status 1: no message on standard error"),
        (f"echo {SECRET}; sleep 60", "sh has not ended within 0.5 s"),
        ("true", "the output of sh is empty; write {} if there are no secrets"),
        (f"echo '{SECRET}: ['", "the output of sh is not YAML"),
        (f"echo {SECRET}", "the output of sh must have lines `name: value`"),
    ],
)
def test_a_command_that_fails_is_told_by_its_standard_error_alone(
    monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    monkeypatch.setattr(secrets_file, "COMMAND_TIMEOUT", 0.5 if "sleep" in script else 120)
    _values, (finding,) = read_secrets(("sh", "-c", script))
    assert said in str(finding)
    assert SECRET not in str(finding)


def test_a_command_that_is_not_there_is_named() -> None:
    _values, (finding,) = read_secrets(("no-such-program", SECRET))
    assert "no-such-program cannot be run (No such file or directory)" in str(finding)
    assert SECRET not in str(finding)


@pytest.mark.parametrize(
    "value", [5, [], {}, {"command": []}, {"command": "pass show omero"}, {"command": ["x", 5]}]
)
def test_what_is_neither_a_path_nor_a_command_is_answered_with_an_example(value: object) -> None:
    (message,) = mistakes_of(a_host(web_secrets=value))
    assert "must be the path of a YAML file" in message
    assert '{"command": ["sops", "-d", "secrets.yml"]}' in message


def test_nothing_in_a_pipe_is_a_program_that_failed_and_no_site_without_secrets() -> None:
    assert "/dev/null is empty" in "".join(mistakes_of(a_host(web_secrets="/dev/null")))


def test_a_command_s_output_lies_on_no_disk() -> None:
    script = "import os; print({'redis_password': os.readlink('/proc/self/fd/1')})"
    values, _findings = read_secrets((sys.executable, "-c", script))
    assert values["redis_password"].startswith("/memfd:")
