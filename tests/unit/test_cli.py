"""`omeroweb-ops`, as people and cron call it."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import pytest
from omeroweb_ops import cli, locations
from omeroweb_ops.releases import installed as installed_releases
from omeroweb_ops.shared import security_updates
from omeroweb_ops.shared.security_updates import SecurityUpdates
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine

NOW = datetime(2026, 1, 2, 3, 4, 5)
SECRETS = {
    "omero.web.secret_key": "hunter2-key",
    "omero.web.caches": {"default": {"LOCATION": "redis://:hunter2@localhost"}},
    "omero.mail.password": "hunter2-mail",
}


@pytest.fixture
def installed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An installation that the commands find."""
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    return engine


@pytest.mark.parametrize("name", ["OMERO.web", "omero-web"])
def test_an_installation_is_found_in_the_places_that_people_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.delenv("OMERODIR", raising=False)
    monkeypatch.setattr(locations, "OMERODIR", tmp_path / "OMERO.web")
    monkeypatch.setattr(locations, "EARLIER_OMERODIR", tmp_path / "omero-web")
    assert cli.main(["config", "export"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{tmp_path}/OMERO.web/etc/grid/config.xml" in said.err
    assert "set OMERODIR" in said.err

    found = tmp_path / name / "etc" / "grid" / "config.xml"
    found.parent.mkdir(parents=True)
    config_xml.write(found, {"omero.web.page_size": "7"})
    assert cli.main(["config", "export"]) == 0
    assert '"omero.web.page_size": 7' in capsys.readouterr().out.replace("'", '"')


def deploy(engine: Engine, desired: Desired) -> None:
    engine.locations.desired_state.write_text(desired.dump(), encoding="utf-8")


def test_a_plan_shows_each_change_and_ends_with_status_2(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    config_xml.write(
        installed.locations.config_xml,
        {"omero.web.page_size": "50", "omero.web.login_logo": "by-hand.png"},
    )
    deploy(installed, Desired({"omero.web.page_size": 100, "omero.web.prefix": "/omero"}))
    assert cli.main(["config", "plan"]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "~ omero.web.page_size: 50 → 100",
        "+ omero.web.prefix: (not set) → /omero",
        "! omero.web.login_logo: set manually, kept",
    ]


def test_apply_does_what_the_plan_said_and_then_nothing_differs(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(installed, Desired({"omero.web.prefix": "/omero"}))
    assert cli.main(["config", "apply"]) == 0
    assert capsys.readouterr().out == "+ omero.web.prefix: (not set) → /omero\n"
    assert cli.main(["config", "plan"]) == 0
    assert capsys.readouterr().out == "OMERO.web's configuration is as deployed.\n"
    deploy(installed, Desired())
    assert cli.main(["config", "apply"]) == 0
    assert capsys.readouterr().out == "- omero.web.prefix: /omero → (not set)\n"


def test_a_plan_for_programs_is_json(installed: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    config_xml.write(installed.locations.config_xml, {"omero.web.login_logo": "by-hand.png"})
    deploy(installed, Desired({"omero.web.prefix": "/omero"}))
    assert cli.main(["config", "plan", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "changes": [
            {"property": "omero.web.prefix", "action": "add", "old": None, "new": "/omero"}
        ],
        "drift": ["omero.web.login_logo"],
        "kept": {},
        "diff": [
            "+ omero.web.prefix: (not set) → /omero",
            "! omero.web.login_logo: set manually, kept",
        ],
    }


@pytest.mark.parametrize("command", [["plan"], ["plan", "--json"], ["apply"]])
def test_no_command_shows_a_secret_old_or_new(
    installed: Engine, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    old = {name: json.dumps({"was": "hunter2-old"}) for name in SECRETS}
    config_xml.write(installed.locations.config_xml, old)
    deploy(installed, Desired(SECRETS))
    cli.main(["config", *command])
    printed = capsys.readouterr()
    assert all(name in printed.out for name in SECRETS)
    assert "hunter2" not in printed.out + printed.err


def test_a_wrong_secret_is_not_shown_either(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(installed, Desired({"omero.web.caches": "redis://:hunter2@localhost"}))
    assert cli.main(["config", "plan"]) == 1
    printed = capsys.readouterr()
    assert "omero.web.caches" in printed.err
    assert "hunter2" not in printed.out + printed.err


def test_every_mistake_is_told_and_the_status_is_1(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(installed, Desired({"omero.web.debug": "yes", "omero.web.page_size": "x"}))
    for command in ("plan", "apply"):
        assert cli.main(["config", command]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert [line.split(": ")[:2] for line in lines] == [
            ["omeroweb-ops", "omero.web.debug"],
            ["omeroweb-ops", "omero.web.page_size"],
        ]


def test_before_the_first_deploy_the_missing_file_is_named(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["config", "plan"]) == 1
    assert str(installed.locations.desired_state) in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"unknown": {}}'])
def test_a_spoiled_desired_state_is_one_line_and_not_a_traceback(
    installed: Engine, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    installed.locations.desired_state.write_text(content)
    assert cli.main(["config", "plan"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("omeroweb-ops: ")


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_spoiled_record_is_one_line_and_not_a_traceback(
    installed: Engine, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    deploy(installed, Desired({"omero.web.prefix": "/omero"}))
    installed.locations.record.write_text(content)
    assert cli.main(["config", "plan"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("omeroweb-ops: ")


def test_a_spoiled_config_xml_is_one_line_that_names_it(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(installed, Desired())
    installed.locations.config_xml.write_text("<broken")
    assert cli.main(["config", "plan"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(installed.locations.config_xml) in line


def test_the_digest_changes_with_the_configuration(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for value in (1, 2):
        deploy(installed, Desired({"omero.web.page_size": value}))
        assert cli.main(["config", "apply"]) == 0
        capsys.readouterr()
        assert cli.main(["config", "digest"]) == 0
        assert cli.main(["config", "digest", "omero.web.apps"]) == 0
        printed.append(capsys.readouterr().out.split())
    assert printed[0][0] != printed[1][0]
    assert printed[0][1] == printed[1][1]


def test_with_cache_sessions_there_is_nothing_to_clear(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = "django.contrib.sessions.backends.cache"
    config_xml.write(installed.locations.config_xml, {"omero.web.session_engine": engine})
    installed.locations.logs.mkdir(parents=True)
    assert cli.main(["sessions", "clear"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert "nothing to do" in (installed.locations.logs / "clearsessions.log").read_text()


def test_maintenance_is_sent_to_where_nginx_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["maintenance", "on", "--message", "x"]) == 1
    assert "run `omeroweb-ops maintenance` on each host that has it" in capsys.readouterr().err


def test_a_wrong_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(["config", "explode"])
    assert error.value.code == 2
    assert "explode" in capsys.readouterr().err


def test_no_control_character_of_a_file_reaches_a_terminal(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    csi = "\x9b31m"  # XML has it, and terminals obey it like ESC [
    config_xml.write(installed.locations.config_xml, {"omero.web.page_size": "7", csi: csi})
    deploy(installed, Desired())
    for command in ("export", "show"):
        cli.main(["config", command])
    installed.locations.config_xml.write_text("<\x1b]0;owned\x07")
    cli.main(["config", "plan"])
    said = capsys.readouterr()
    assert r"\u009b31m" in said.out
    for text in (said.out, said.err):
        assert all(each.isprintable() or each in "\t\n" for each in text)


@pytest.fixture
def nothing_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A controller: no OMERO.web is on this machine."""
    monkeypatch.setenv("OMERODIR", str(tmp_path / "OMERO.web"))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(tmp_path / "desired.json"))
    monkeypatch.setattr(locations, "CURRENT", tmp_path / "venv3")
    monkeypatch.setattr(installed_releases.list_releases, "__defaults__", (tmp_path / "releases",))
    monkeypatch.setattr(security_updates, "pending", lambda: SecurityUpdates(NOW, (), None))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("config plan", 1),
        ("config apply", 1),
        ("config check", 1),
        ("sessions clear", 1),
        ("release list", 1),
        ("updates", 1),
        ("status", 2),
    ],
)
def test_where_nothing_is_deployed_one_sentence_says_what_to_run(
    nothing_deployed: Path, capsys: pytest.CaptureFixture[str], command: str, status: int
) -> None:
    assert cli.main(command.split()) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"omeroweb-ops: {cli.NOT_DEPLOYED}")
    assert said.err.count("\n") == 1
    assert "Errno" not in said.err
    assert [*nothing_deployed.iterdir()] == []


@pytest.mark.parametrize(
    ("command", "module", "status"),
    [
        ("status", "tabulate", 2),
        ("release list", "tabulate", 1),
        ("doctor --url https://omero.example.org", "requests", 2),
    ],
)
def test_an_environment_without_omero_web_is_one_sentence_and_no_traceback(
    nothing_deployed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    module: str,
    status: int,
) -> None:
    """A controller's own environment, on a machine that is a host of the site too."""
    (nothing_deployed / "venv3").mkdir()
    (nothing_deployed / "releases").mkdir()
    monkeypatch.setitem(sys.modules, module, None)
    for name in [name for name in sys.modules if name.startswith("omeroweb_ops.doctor")]:
        monkeypatch.delitem(sys.modules, name)
    assert cli.main(command.split()) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert f"this Python has no {module}" in said.err
    assert "sudo omeroweb-ops" in said.err


def test_a_file_that_cannot_be_read_is_named_without_a_number(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(installed, Desired())
    assert cli.main(["config", "plan", "--desired", "/no/such"]) == 1
    assert capsys.readouterr().err == "omeroweb-ops: No such file or directory: '/no/such'\n"


@pytest.mark.parametrize("words", [["release", "bogus"], ["release", "-h"], ["config", "bogus"]])
def test_verbs_that_only_deploys_call_are_shown_to_nobody(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(words)
    said = "".join(capsys.readouterr())
    assert "list" in said or "plan" in said
    for verb in ("collect", "suits", "restore", "note", "redact"):
        assert verb not in said


@pytest.mark.parametrize("words", [*cli.INTERNAL])
def test_deploys_and_other_versions_of_the_bundle_call_them(words: tuple[str, str]) -> None:
    """They are contract names: with these very words in front."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
