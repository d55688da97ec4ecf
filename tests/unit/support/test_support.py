"""`omeroweb-ops support`: no secret is in any member of the archive."""

from __future__ import annotations

import io
import json
import os
import string
import tarfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.support import archive, command, known_secrets, parts
from omeroweb_ops.support.masking import mask

from tests.unit.helpers import installation

PRINTABLE = string.ascii_letters + string.digits + "!#$%&()*+-./:;<=>?@[]^_{|}~"
PASSWORDS = st.text(PRINTABLE, min_size=12, max_size=40).map(lambda text: f"Zq{text}Zq")
KEYS = st.text(string.ascii_lowercase + string.digits, min_size=32, max_size=32)  # Django's
TOKENS = st.text(string.ascii_letters + string.digits, min_size=32, max_size=64)  # csrf
UUIDS = st.uuids().map(str)  # OMERO's sessions
NAMES = st.sampled_from(
    ["password", "EMAIL_HOST_PASSWORD", "client_secret", "api-key", "secret_key", "auth_token"]
)
FORMS = st.sampled_from(
    [
        "{name}={secret}",
        "{name}: {secret}",
        '"{name}": "{secret}"',
        "{{'{name}': '{secret}', 'user': 'ada'}}",
        '["{name}", "{secret}"]',
        'log: {{\\"{name}\\": \\"{secret}\\"}}',
        "Authorization: Basic {secret}",
        "Cookie: sessionid={secret}; x=1",
        "Set-Cookie: csrftoken={secret}; Path=/",
        "    proxy_set_header Authorization {secret};",
    ]
)
LOGGED = st.sampled_from(
    [
        "session {secret} has expired",
        "GET /webclient/?bsession={secret} HTTP/1.1",
        "csrfmiddlewaretoken={secret}&username=ada",
        "joined [{secret}]",
        "{secret}",
        "/tmp/sessionid{secret}",
    ]
)


@given(name=NAMES, form=FORMS, secret=PASSWORDS)
def test_a_value_with_a_secret_s_name_is_masked(name: str, form: str, secret: str) -> None:
    if "'" in form or '"' in form:
        secret = secret.replace("\\", "")
    line = form.format(name=name, secret=secret)
    shown = mask(f"before\n{line}\nafter")
    assert secret not in shown, (line, shown)
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter")


@given(form=LOGGED, secret=st.one_of(KEYS, TOKENS, UUIDS))
def test_session_keys_and_tokens_in_a_log_are_masked(form: str, secret: str) -> None:
    assert secret not in mask(form.format(secret=secret))


@given(secret=PASSWORDS.map(lambda text: quote(text, safe="")))
def test_a_password_in_a_url_is_masked(secret: str) -> None:
    shown = mask(f"cannot connect to rediss://omero:{secret}@redis.example.org:6379/1 (refused)")
    assert secret not in shown
    assert shown.endswith("@redis.example.org:6379/1 (refused)")


@pytest.mark.parametrize(
    "line",
    [
        "File /opt/omero/web/releases/2f6213d78305/lib/python3.11/site-packages/omeroweb/views.py",
        "KeyError: 'image_id'",
        "GET /webclient/?show=image-1 HTTP/1.1",
        "omero.web.server_list = [['omero.example.org', 4064, 'omero']]",
        "2026-11-29 15:40:00,123 INFO [ omeroweb.webclient] (proc.00123) load() login",
        "nginx 1.22.1-9+deb12u3 ii",
        "omero.web.session_cookie_secure = true",
        'omero.web.csrf_trusted_origins = ["https://images.example.org"]',
    ],
)
def test_ordinary_lines_stay(line: str) -> None:
    assert mask(line) == line


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "password" * 100_000, "key=" * 200_000, "://" * 300_000, "A1a-" * 250_000,
     "-----BEGIN PRIVATE KEY-----" * 30_000, "\\" * 500_000, '"' * 500_000, "?a=" * 300_000],
    ids=range(9),
)  # fmt: skip
def test_hostile_text_takes_no_long_time(text: str) -> None:
    begun = time.process_time()
    mask(text)
    mask("\n".join(text[at : at + 15_000] for at in range(0, 300_000, 15_000)))
    assert time.process_time() - begun < 5


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(secrets=st.lists(PASSWORDS, min_size=7, max_size=7, unique=True), key=KEYS, token=TOKENS)
def test_no_secret_is_in_any_member(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    secrets: list[str],
    key: str,
    token: str,
) -> None:
    folder = tmp_path_factory.mktemp("support")
    engine = installation(folder)
    own, redis, mail, stored, journal, variable, former = secrets
    caches = {"default": {"LOCATION": f"redis://omero:{quote(redis, safe='')}@localhost:6379/0"}}
    config_xml.write(
        engine.locations.config_xml,
        {
            "omero.web.secret_key": own,
            "omero.web.caches": json.dumps(caches),
            "omero.web.django_additional_settings": json.dumps([["EMAIL_HOST_PASSWORD", mail]]),
        },
    )
    desired = Desired({"omero.web.wsgi_args": stored}, {}, {}, False, ("omero.web.wsgi_args",))
    engine.locations.desired_state.write_text(desired.dump())
    engine.note_secret(desired)
    engine.locations.logs.mkdir(parents=True)
    quoted = [
        f"own {own!r}, mail {json.dumps(mail)}, {quote(stored)}, {redis}",
        f"session {key} of user ada; csrftoken={token}",
        f"password={former}",
    ]
    (engine.locations.logs / "OMEROweb.log").write_text("\n".join(quoted) + "\n")
    monkeypatch.setenv("CONFIG_omero_web_secret__key", variable)
    # apt takes seconds; the next test has the whole status
    monkeypatch.setattr(parts, "_status", lambda _engine: print(f"Redis: {redis}", key) or 0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(host_stream(journal, variable, token)))
    path = folder / "support.tar.gz"
    assert command.run(engine, str(path), host_files=True) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    texts = members(path)
    assert {"README.txt", "status.txt", "versions.txt", "OMEROweb.log", "journal.txt"} <= {
        name.rpartition("/")[2] for name in texts
    }
    for name, text in texts.items():
        for secret in (*secrets, key, token):
            for form in {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}:
                assert form not in text, (name, form)
    assert "of user ada" in texts[next(each for each in texts if each.endswith("/OMEROweb.log"))]


def host_stream(*secrets: str) -> io.BytesIO:
    """What root's script passes: journal and site, with these secrets, and what it never has."""
    text = f"password={secrets[0]}\nOMERO_PASS: {secrets[1]}\nX-CSRFToken: {secrets[2]}\n"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name in ("host/journal.txt", "host/../../etc/evil", "host/" + "x" * 500):
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("host/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/shadow"
        tar.addfile(link)
    stream.seek(0)
    return stream


def members(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        assert all(each.isreg() and each.mode == 0o600 for each in tar.getmembers())
        files = ((each.name, tar.extractfile(each)) for each in tar.getmembers())
        found = {name: file.read().decode() for name, file in files if file}
    assert all(".." not in name and not name.startswith("/") for name in found)
    return found


def test_a_log_that_is_a_link_or_a_pipe_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = installation(tmp_path)
    engine.locations.logs.mkdir(parents=True)
    os.mkfifo(engine.locations.logs / "OMEROweb.log")
    path = tmp_path / "support.tar.gz"
    assert command.run(engine, str(path), host_files=False) == 0
    (text,) = [text for name, text in members(path).items() if name.endswith("OMEROweb.log")]
    assert "is not a regular file" in text
    assert "Look through the files before you post them." in capsys.readouterr().out


def test_a_long_member_has_its_end(tmp_path: Path) -> None:
    stream = io.BytesIO()
    archive.write(stream, "x", [("log", "line\n" * 1_000_000 + "last\n")])
    path = tmp_path / "x.tar.gz"
    path.write_bytes(stream.getvalue())
    text = members(path)["x/log"]
    assert len(text) < archive.MAX_MEMBER + 100
    assert text.endswith("last\n")


def test_an_archive_replaces_no_file(tmp_path: Path) -> None:
    engine = installation(tmp_path)
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        command.run(engine, str(path), host_files=False)
    assert path.read_text() == "mine"


def test_secrets_of_the_environment_are_known(tmp_path: Path) -> None:
    engine = installation(tmp_path)
    found = known_secrets.find(engine, {"REDIS_PASSWORD": "hunter2", "PATH": "/bin"})
    assert "hunter2" in found
    assert "/bin" not in found
