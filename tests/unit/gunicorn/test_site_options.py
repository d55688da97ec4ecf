"""Each option of the installed gunicorn works as with `omero web start`, or is refused."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import KNOWN_SETTINGS, Config
from omeroweb_ops import gunicorn
from omeroweb_ops.gunicorn import config, site_options
from omeroweb_ops.property_names import WSGI_ARGS
from omeroweb_ops.state import gunicorn_options
from omeroweb_ops.state.config_xml import write
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

# Values that gunicorn's validators accept, for options for which "x" or "7" is none.
VALUES = {
    "reload_engine": "poll",
    "reload_extra_files": __file__,
    "chdir": "/tmp",
    "worker_tmp_dir": "/tmp",
    "raw_env": "A=b",
    "forwarded_allow_ips": "192.0.2.1",
    "logger_class": "gunicorn.glogging.Logger",
    "statsd_host": "127.0.0.1:8125",
    "header_map": "refuse",
    "asgi_loop": "asyncio",
    "asgi_lifespan": "off",
    "http_parser": "python",
    "worker_class": "sync",
    "syslog_addr": "udp://localhost:514",
    "config": "file:/opt/omero/web/config/gunicorn.py",
    "http_protocols": "h2",
    "http2_cleartext": "upgrade",
    "ssl_version": "TLS",
    "proxy_protocol": "v1",
    "umask": "0o27",
    "control_socket_mode": "0o600",
    "cert_reqs": "2",
    "http2_initial_window_size": "65535",
    "http2_max_frame_size": "16384",
}
# Of other sections of gunicorn's documentation; the bundle has no command line of its own.
OPTIONS = [each for each in KNOWN_SETTINGS if each.cli]
SPELLINGS = [(each.name, spelling) for each in OPTIONS for spelling in each.cli]


@pytest.fixture
def settings_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """gunicorn's settings for omero.web.wsgi_args, as they stand in config.xml."""
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))

    def settings(text: str, *, preload: bool = True, **properties: str) -> dict[str, Any]:
        names = {f"omero.web.{name}": value for name, value in properties.items()}
        write(engine.locations.config_xml, {WSGI_ARGS: text, **names})
        return gunicorn.settings(preload=preload)

    return settings


def words(name: str, spelling: str) -> list[str]:
    """An option as a site writes it."""
    (setting,) = (each for each in OPTIONS if each.name == name)
    if (setting.action or "store") in ("store_true", "store_const"):
        return [spelling]
    return [spelling, VALUES.get(name, "7" if setting.type is int else "x")]


@pytest.mark.parametrize(("name", "spelling"), SPELLINGS)
def test_no_option_is_dropped(settings_for: Any, name: str, spelling: str) -> None:
    text = shlex.join(words(name, spelling))
    reasons = [str(each) for each in gunicorn_options.findings(text)]
    if name in gunicorn_options.REFUSED:
        (reason,) = reasons
        assert reason.startswith(f"{WSGI_ARGS}: -")
        with pytest.raises(ValueError, match=re.escape(reason)):
            settings_for(text)
        return
    assert reasons == []
    if name == "config":
        return  # see below
    applied, alone = Config(), Config()
    for setting, value in settings_for(text).items():
        applied.set(setting, value)
    parsed = vars(alone.parser().parse_args(shlex.split(text)))
    alone.set(name, parsed[name])
    own, expected = applied.settings[name].get(), alone.settings[name].get()
    if name == "raw_env":
        assert {*map(str, expected)} <= {*map(str, own)}
    else:
        assert own == expected


def test_every_refusal_is_of_a_setting_of_this_gunicorn() -> None:
    known = {each.name for each in KNOWN_SETTINGS} | {"args"}
    assert gunicorn_options.REFUSED.keys() <= known
    assert gunicorn_options.PROPERTIES.keys() <= known
    for name, spellings in gunicorn_options._SPELLINGS.items():
        (setting,) = (each for each in KNOWN_SETTINGS if each.name == name)
        assert {*spellings} == {*(setting.cli or ())}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("--bin 0.0.0.0:80", "set omero.web.application_server.host"),  # argparse completes it
        ("-b0.0.0.0:80", "set omero.web.application_server.host"),
        ("--bind=0.0.0.0:80", "set omero.web.application_server.host"),
        ("other:app", "'other:app' replaces OMERO.web"),
        ("--bogus", "unrecognized arguments: --bogus"),
        ("--timeout soon", "invalid int value: 'soon'"),
        ("--workers -3", "Value must be positive"),
        ("--name 'a", "No closing quotation"),
        ("--help", "exit at once"),
        ("--version", "exit at once"),
        ("-e SCRIPT_NAME=/x", "contradicts omero.web.prefix"),
        ("-c gunicorn.py", "must be an absolute path"),
        ("--config=gunicorn.py", "must be an absolute path"),
    ],
)
def test_a_refusal_says_what_to_do(
    text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = gunicorn_options.findings(text)
    assert found.is_error
    assert reason in found.message
    assert capsys.readouterr() == ("", "")


def test_all_refusals_are_reported_together() -> None:
    assert len([*gunicorn_options.findings("-D -p x --certfile a --paste b")]) == 4


def test_a_controller_without_gunicorn_finds_the_usual_refusals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without(_text: str) -> dict[str, Any]:
        raise ImportError

    monkeypatch.setattr(gunicorn_options, "parse", without)
    found = [each.message for each in gunicorn_options.findings("-b 1:2 --daemon --pid=/x")]
    assert len(found) == 3
    assert [*gunicorn_options.findings("--log-level debug --backlog 10 --name web")] == []


@pytest.mark.parametrize(
    ("text", "worker_class", "threads", "preload"),
    [
        ("-k gthread", config.WORKER_CLASS, 5, True),
        ("--worker-class gthread --threads 8", config.WORKER_CLASS, 8, True),
        ("--threads 8", config.WORKER_CLASS, 8, True),
        ("-k sync", "sync", None, True),
        ("-k sync --threads 2", config.WORKER_CLASS, 2, True),
        ("-k gevent", "gevent", None, False),
        ("-k gevent --preload", "gevent", None, True),
        ("--reload", config.WORKER_CLASS, 5, False),
    ],
)
def test_the_bundle_s_worker_class_stays_where_gunicorn_s_has_threads(
    settings_for: Any, text: str, worker_class: str, threads: int | None, preload: bool
) -> None:
    found = settings_for(text)
    assert (found["worker_class"], found.get("threads")) == (worker_class, threads)
    assert found["preload_app"] == preload


def test_what_a_site_adds_stands_beside_what_the_bundle_needs(
    settings_for: Any,
) -> None:
    found = settings_for("-e A=b --env C=d", prefix="/omero")
    assert found["raw_env"] == ["SCRIPT_NAME=/omero", "A=b", "C=d"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.py"


@pytest.mark.parametrize("option", ["--config", "-c", "--config=", "-c=file:"])
def test_the_site_s_file_is_read_and_its_hooks_run_before_the_bundle_s(
    settings_for: Any, file: Path, option: str
) -> None:
    file.write_text(
        "proc_name = 'images'\nraw_env = ['A=b']\nseen = []\n"
        "def post_worker_init(worker):\n    seen.append(worker)\n"
        "def worker_int(worker):\n    pass\n"
    )
    option = option.replace("-c=", "-c ")
    found = settings_for(f"{option}{'' if option[-1] in '=:' else ' '}{file}")
    assert found["proc_name"] == "images"
    assert found["raw_env"] == ["A=b"]
    assert callable(found["worker_int"])
    applied = Config()
    for name, value in found.items():
        applied.set(name, value)
    worker = SimpleNamespace(log=io.StringIO())
    with pytest.raises(Exception):  # noqa: B017,PT011 # the bundle's own, without a worker
        applied.post_worker_init(worker)
    assert found["post_worker_init"].__closure__ is not None
    namespace = site_options.read_file(str(file), {})["post_worker_init"].__globals__
    namespace["post_worker_init"](worker)
    assert namespace["seen"] == [worker]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("bind = '0.0.0.0:80'", "bind makes gunicorn listen where NGINX"),
        ("workers = 17", "set omero.web.wsgi_workers instead"),
        ("timeout = 7", "set omero.web.wsgi_timeout instead"),
        ("graceful_timeout = 7", "set web_graceful_timeout"),
        ("daemon = True\npidfile = '/x'", "pidfile would stop"),
        ("backlog = 'many'", "many"),
    ],
)
def test_what_a_file_cannot_set_is_refused(
    settings_for: Any, file: Path, content: str, reason: str
) -> None:
    file.write_text(content)
    with pytest.raises((ValueError, TypeError), match=reason):
        settings_for(f"-c {file}")


def test_a_file_may_repeat_what_the_properties_say(settings_for: Any, file: Path) -> None:
    file.write_text("workers = 3\n")
    assert settings_for(f"-c {file}", wsgi_workers="3")["workers"] == 3
    assert settings_for(f"-c {file} -w 4", wsgi_workers="3")["workers"] == 4


def test_a_post_request_with_fewer_parameters_and_a_hook_by_name(file: Path) -> None:
    file.write_text(
        "when_ready = 'gc.set_debug'\ndef post_request(worker, req):\n    worker.append(req)\n"
    )
    found = site_options.read_file(f"file:{file}", {})
    assert callable(found["when_ready"])
    seen: list[Any] = []
    ours: list[Any] = []

    def own(worker: Any, req: Any, environ: Any, answer: Any) -> None:
        ours.append((worker, req, environ, answer))

    merged = site_options.merge({"post_request": own}, found)["post_request"]
    applied = Config()
    applied.set("post_request", merged)
    applied.post_request(seen, 1, 2, 3)
    assert (seen, ours) == ([1], [(seen, 1, 2, 3)])


@pytest.mark.parametrize(
    ("text", "works"),
    [
        ("--log-level debug", True),
        ("--bind 0.0.0.0:1", False),
        ("--workers 3", False),
        ("-c file:/x.py", False),
        ("--env A=b", False),
    ],
)
def test_options_of_the_environment_work_or_are_refused(
    settings_for: Any, monkeypatch: pytest.MonkeyPatch, text: str, works: bool
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", text)
    if works:
        settings_for("")
    else:
        with pytest.raises(ValueError, match="GUNICORN_CMD_ARGS"):
            settings_for("")


def test_a_reload_by_hup_reports_and_ends_no_master(
    settings_for: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "daemon" not in settings_for("-D", preload=False)
    assert "not used: omero.web.wsgi_args: -D" in capsys.readouterr().err
    for file in ("/nowhere.py", "python:nowhere"):
        assert settings_for(f"-c {file}", preload=False)["accesslog"] == "-"
        assert "not used: " in capsys.readouterr().err
    assert "preload_app" not in settings_for("--preload", preload=False)
    assert "--preload has no effect" in capsys.readouterr().err


def test_the_properties_are_checked_where_the_deploy_checks_them(engine: Engine) -> None:
    findings = engine.check(Desired({WSGI_ARGS: "--daemon"}))
    assert [each.subject for each in findings if each.is_error] == [WSGI_ARGS]
