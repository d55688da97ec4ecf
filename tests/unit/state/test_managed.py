"""What people set by hand: kept, taken over, removed, refused, gone back to, exported."""

from __future__ import annotations

import ast
import json
import stat
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from omeroweb_ops import cli
from omeroweb_ops.state import config_xml, export, schema
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine, Invalid

from tests.unit import texts
from tests.unit.helpers import again, die_before_line, installation

SCHEMA = schema.locked()
LINKS = "omero.web.ui.top_links"
PORT = "omero.web.application_server.port"
DEFAULT_LINKS = json.loads(SCHEMA[LINKS].default or "")
MINE = ["Mine", "https://mine.example.org", {}]
THEIRS = ["Theirs", "https://theirs.example.org", {}]


LABELS = st.lists(st.sampled_from(["Mine", "Ours", "Help", "Data"]), max_size=2, unique=True)


def link(label: str) -> list[str]:
    return [label, "https://example.org"]


def current(engine: Engine) -> dict[str, str]:
    return config_xml.read(engine.locations.config_xml)


def set_by_hand(engine: Engine, name: str, text: str) -> None:
    config_xml.write(engine.locations.config_xml, {**current(engine), name: text})


def labels(engine: Engine) -> list[str]:
    return [link[0] for link in json.loads(current(engine)[LINKS])]


def test_an_exclusive_inventory_removes_what_it_does_not_name(engine: Engine) -> None:
    set_by_hand(engine, texts.STRING, "mine")
    plan = engine.apply(Desired({texts.INTEGER: 5}, exclusive=True))
    assert plan.drift == ()
    assert current(engine) == {texts.INTEGER: "5"}
    assert again(engine).plan(Desired({texts.INTEGER: 5}, exclusive=True)).changes == ()


def test_a_frozen_list_is_taken_over_item_by_item(engine: Engine) -> None:
    """`omero config append` writes the whole default list into config.xml."""
    frozen = json.dumps([*DEFAULT_LINKS, THEIRS])
    set_by_hand(engine, LINKS, frozen)
    plan = engine.apply(Desired(append={LINKS: [MINE]}))
    assert plan.kept == {LINKS: [THEIRS]}
    defaults = [link[0] for link in DEFAULT_LINKS]
    assert labels(engine) == [*defaults, "Theirs", "Mine"]
    assert again(engine).plan(Desired(append={LINKS: [MINE]})).changes == ()
    again(engine).apply(Desired())
    assert current(engine)[LINKS] == frozen


def test_what_is_added_by_hand_to_the_bundle_s_list_is_kept_and_stays(engine: Engine) -> None:
    wanted = Desired(append={LINKS: [MINE]})
    engine.apply(wanted)
    set_by_hand(engine, LINKS, json.dumps([*json.loads(current(engine)[LINKS]), THEIRS]))
    plan = again(engine).apply(wanted)
    assert plan.kept == {LINKS: [THEIRS]}
    assert labels(engine)[-2:] == ["Theirs", "Mine"]
    assert again(engine).plan(wanted).changes == ()
    again(engine).apply(Desired())
    assert labels(engine) == [*[link[0] for link in DEFAULT_LINKS], "Theirs"]


def test_lines_by_hand_that_the_inventory_has_now_are_no_longer_manual(engine: Engine) -> None:
    lines = "omero.web.nginx_server_extra_config"
    set_by_hand(engine, lines, json.dumps(["a {", "}", "b {", "}"]))
    wanted = Desired(append={lines: ["a {", "}"]})
    for _ in range(2):
        plan = again(engine).apply(wanted)
        assert plan.kept == {lines: ["b {", "}"]}
        assert json.loads(current(engine)[lines]) == ["b {", "}", "a {", "}"]
    assert plan.changes == ()


def test_an_exclusive_inventory_keeps_no_item_of_a_list_by_hand(engine: Engine) -> None:
    set_by_hand(engine, LINKS, json.dumps([*DEFAULT_LINKS, THEIRS]))
    engine.apply(Desired(append={LINKS: [MINE]}, exclusive=True))
    assert labels(engine) == [*[link[0] for link in DEFAULT_LINKS], "Mine"]


def test_a_frozen_list_gets_an_upgrade_s_new_defaults(engine: Engine) -> None:
    set_by_hand(engine, LINKS, json.dumps([DEFAULT_LINKS[0], THEIRS]))  # frozen long ago
    engine.apply(Desired(append={LINKS: [MINE]}))
    assert labels(engine) == [*[link[0] for link in DEFAULT_LINKS], "Theirs", "Mine"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (PORT, "4099"),
        ("omero.web.application_server.host", "0.0.0.0"),
        ("omero.web.prefix", "/other"),
        ("omero.web.static_url", "/s/"),
        ("omero.web.session_engine", "django.contrib.sessions.backends.cache"),
        ("omero.web.caches", "{}"),
    ],
)
def test_what_nginx_depends_on_is_an_error_by_hand(engine: Engine, name: str, text: str) -> None:
    set_by_hand(engine, name, text)
    with pytest.raises(Invalid) as error:
        engine.apply(Desired({texts.INTEGER: 5}))
    (finding,) = error.value.findings
    assert finding.subject == name
    assert "web_config" in finding.message
    assert "omero config set" in finding.message
    assert current(engine) == {name: text}
    assert engine.apply(Desired({name: text})).drift == ()  # written down, it is none


def test_the_default_by_hand_is_no_error(engine: Engine) -> None:
    set_by_hand(engine, PORT, "4080")
    assert engine.plan(Desired()).changes == ()


def test_a_deployed_port_that_was_changed_by_hand_is_an_error(engine: Engine) -> None:
    engine.apply(Desired({PORT: 4081}))
    set_by_hand(engine, PORT, "4099")
    with pytest.raises(Invalid, match=r"from 4081 to 4099"):
        again(engine).plan(Desired({PORT: 4081}))
    assert again(engine).plan(Desired({PORT: 4099})).changes == ()
    set_by_hand(engine, PORT, "4081")
    again(engine).apply(Desired({PORT: 4082}))
    assert current(engine)[PORT] == "4082"


def test_rollback_goes_back_and_forward_again(engine: Engine) -> None:
    set_by_hand(engine, texts.STRING, "mine")
    engine.apply(Desired({texts.INTEGER: 1, texts.STRING: "ours"}))
    again(engine).apply(Desired({texts.INTEGER: 2}))
    newer = current(engine)
    again(engine).rollback()
    assert current(engine) == {texts.INTEGER: "1", texts.STRING: "ours"}
    assert again(engine).plan(Desired({texts.INTEGER: 2})).changes
    again(engine).rollback()
    assert current(engine) == newer
    again(engine).apply(Desired())
    assert current(engine) == {texts.STRING: "mine"}


def test_without_an_earlier_state_rollback_says_so(engine: Engine) -> None:
    with pytest.raises(config_xml.Unreadable, match="no previous configuration"):
        engine.rollback()


def test_the_earlier_state_is_as_private_as_the_present_one(engine: Engine) -> None:
    engine.apply(Desired({"omero.web.secret_key": "one"}))
    again(engine).apply(Desired({"omero.web.secret_key": "two"}))
    assert stat.S_IMODE(engine.locations.previous.stat().st_mode) == 0o640


@given(edits=texts.by_hand)
def test_an_exported_configuration_deploys_without_a_change(
    tmp_path_factory: pytest.TempPathFactory, edits: dict[str, str]
) -> None:
    engine = installation(tmp_path_factory.mktemp("exported"))
    edits = {name: text for name, text in edits.items() if text not in ("broken", "no", "yes")}
    config_xml.write(engine.locations.config_xml, edits)
    found = export.export(edits, SCHEMA, engine.locations.omerodir)
    settings, secrets = found.settings, found.secrets
    wanted = Desired(
        {**settings.get("web_config", {}), **secrets}, settings.get("web_config_append", {})
    )
    assert again(engine).plan(wanted).changes == ()


def test_an_addition_to_the_defaults_is_exported_as_an_append(engine: Engine) -> None:
    added = {LINKS: json.dumps([*DEFAULT_LINKS, MINE]), "omero.web.debug": "True"}
    settings = export.export(added, SCHEMA, engine.locations.omerodir).settings
    assert settings == {
        "web_config": {"omero.web.debug": True},
        "web_config_append": {LINKS: [MINE]},
    }
    assert ast.literal_eval("{" + export.written(settings) + "}") == settings


@pytest.fixture
def installed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("OMERODIR", str(engine.locations.omerodir))
    monkeypatch.setenv("OMEROWEB_OPS_DESIRED", str(engine.locations.desired_state))
    return engine


def test_secrets_are_exported_to_a_file_of_their_own(
    installed: Engine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = {"omero.web.secret_key": 'a "b"\\', "omero.web.page_size": "7"}
    config_xml.write(installed.locations.config_xml, values)
    assert cli.main(["config", "export"]) == 0
    shown = capsys.readouterr().out
    assert 'a "b"' not in shown
    assert "omero.web.secret_key" in shown
    target = tmp_path / "secrets.yml"
    assert cli.main(["config", "export", "--secrets", str(target)]) == 0
    assert yaml.safe_load(target.read_text()) == {"omero.web.secret_key": 'a "b"\\'}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert cli.main(["config", "export", "--secrets", str(target)]) == 1  # never over another


def test_show_says_where_a_value_comes_from(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    set_by_hand(installed, texts.STRING, "mine")
    installed.apply(Desired({texts.INTEGER: 5, "omero.web.secret_key": "hidden"}))
    assert cli.main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "omero.web.page_size = 5\n    from: bundle; default: 200" in shown
    assert "omero.web.login_logo = mine\n    from: set manually" in shown
    assert "hidden" not in shown
    assert cli.main(["config", "show", "omero.web.debug"]) == 0
    shown = capsys.readouterr().out
    assert "from: default; default: false" in shown
    assert "debug mode" in shown
    assert cli.main(["config", "show", "omero.web.debugg"]) == 1
    assert "did you mean omero.web.debug?" in capsys.readouterr().err


def test_a_list_is_shown_by_the_items_that_come_and_go(
    installed: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    set_by_hand(installed, "omero.web.apps", '["gone", "stays"]')
    wanted = Desired({"omero.web.apps": ["stays", "comes"]})
    installed.locations.desired_state.parent.mkdir(parents=True, exist_ok=True)
    installed.locations.desired_state.write_text(wanted.dump())
    assert cli.main(["config", "plan"]) == 2
    assert capsys.readouterr().out == "~ omero.web.apps:\n    - gone\n    + comes\n"


@pytest.mark.parametrize("next_port", [4081, 4082, None])
def test_a_crash_while_nginx_s_property_changes_is_no_change_by_hand(
    engine: Engine, next_port: int | None
) -> None:
    """Killed after config.xml was written and before the record was."""
    engine.apply(Desired({PORT: 4081}))
    again(engine).apply(Desired({texts.INTEGER: 1}))  # one finished run without it
    again(engine).apply(Desired({PORT: 4081}))
    line, finished = 0, False
    while not finished:
        line += 3
        finished = die_before_line(line, partial(again(engine).apply, Desired()))
        wanted = Desired({} if next_port is None else {PORT: next_port})
        assert again(engine).apply(wanted) is not None
        again(engine).apply(Desired({PORT: 4081}))


class Lists(RuleBasedStateMachine):
    """Any sequence of deploys that add to a list and take out of it, additions by hand, crashes
    and upgrades that change the release's default list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = installation(Path(self.folder.name))
        self.defaults = ["Data", "Help"]
        self.wanted = Desired()
        self.by_hand: set[str] = set()
        self.touched = False

    def teardown(self) -> None:
        self.deploy([], [])
        stored = current(self.engine)
        assert (LINKS in stored) == bool(self.by_hand)
        if self.by_hand:
            assert {*labels(self.engine)} >= self.by_hand
        self.folder.cleanup()

    def installed(self) -> Engine:
        """The engine of the release that is installed now."""
        engine = again(self.engine)
        links = json.dumps([link(label) for label in self.defaults])
        others = [prop for name, prop in SCHEMA.items() if name != LINKS]
        engine.schema = schema.Schema([*others, replace(SCHEMA[LINKS], default=links)])
        return engine

    @initialize()
    def release(self) -> None:
        self.engine = self.installed()

    @rule(append=LABELS, remove=LABELS)
    def deploy(self, append: list[str], remove: list[str]) -> None:
        gone = [label for label in remove if label not in append]
        self.wanted = Desired(
            append={LINKS: [link(label) for label in append]} if append else {},
            remove={LINKS: gone} if gone else {},
        )
        self.installed().apply(self.wanted)

    @rule(line=st.integers(1, 150))
    def deploy_is_killed_and_comes_again(self, line: int) -> None:
        die_before_line(line, lambda: self.installed().apply(self.wanted))
        self.installed().apply(self.wanted)

    @rule(number=st.integers(0, 3))
    def add_by_hand(self, number: int) -> None:
        """As `omero config append`, which does not look whether the item is there."""
        engine = self.installed()
        items = json.loads(engine.effective(LINKS) or "[]")
        label = f"by hand {number}"
        if [label, "https://example.org"] not in items:
            set_by_hand(engine, LINKS, json.dumps([*items, link(label)]))
            self.by_hand.add(label)
        self.installed().apply(self.wanted)

    @rule(number=st.integers(0, 3))
    def upgrade(self, number: int) -> None:
        self.defaults = ["Data", f"New {number}", "Help"]
        self.installed().apply(self.wanted)

    @invariant()
    def nothing_differs_and_nothing_is_lost(self) -> None:
        engine = self.installed()
        assert engine.plan(self.wanted).changes == ()
        shown = [item[0] for item in json.loads(engine.effective(LINKS) or "[]")]
        assert len(shown) == len({*shown})
        gone = {*self.wanted.remove.get(LINKS, ())}
        assert {*shown} >= self.by_hand - gone
        if LINKS in self.wanted.append or LINKS in self.wanted.remove:
            assert {*shown} >= {*self.defaults} - gone
            assert {*shown} >= {item[0] for item in self.wanted.append.get(LINKS, ())}


TestLists = Lists.TestCase
TestLists.settings = settings(
    max_examples=20,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
