"""Applying on disk: one pass, atomic, under a lock, and nothing lost by a crash."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from omeroweb_ops.state import config_xml
from omeroweb_ops.state.derived import NGINX_DEPENDS_ON
from omeroweb_ops.state.desired import Desired
from omeroweb_ops.state.engine import Engine, Invalid

from tests.unit import texts
from tests.unit.helpers import again, die_before_line, installation
from tests.unit.state.test_plan import means_the_same


def current(engine: Engine) -> dict[str, str]:
    return config_xml.read(engine.locations.config_xml)


def apply(engine: Engine, values: dict[str, Any]) -> None:
    again(engine).apply(Desired(values))


def identities(engine: Engine) -> dict[str, tuple[int, int]]:
    """Which files there are, so that any write shows, also one of the same content."""
    folder = engine.locations.config_xml.parent
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if path.suffix != ".lock"
    }


def test_applying_again_writes_nothing(engine: Engine) -> None:
    apply(engine, {texts.BOOLEAN: True, texts.LIST: ["a"]})
    before = identities(engine)
    apply(engine, {texts.BOOLEAN: "True", texts.LIST: ("a",)})
    assert identities(engine) == before


def test_a_first_apply_of_nothing_leaves_no_files(engine: Engine) -> None:
    apply(engine, {})
    assert identities(engine) == {}


def test_planning_writes_nothing(engine: Engine) -> None:
    assert engine.plan(Desired({texts.BOOLEAN: True})).changes
    assert list(engine.locations.config_xml.parent.iterdir()) == []


def test_a_property_set_by_hand_meanwhile_is_kept(engine: Engine) -> None:
    apply(engine, {texts.BOOLEAN: True})
    config_xml.write(engine.locations.config_xml, {**current(engine), texts.STRING: "mine"})
    plan = again(engine).apply(Desired({texts.BOOLEAN: False}))
    assert plan.drift == (texts.STRING,)
    assert current(engine) == {texts.BOOLEAN: "false", texts.STRING: "mine"}


def test_all_mistakes_are_told_and_nothing_is_written(engine: Engine) -> None:
    wanted = Desired({"omero.web.debug": "yes", "omero.web.page_size": "x", texts.STRING: "fine"})
    with pytest.raises(Invalid) as error:
        engine.apply(wanted)
    assert [finding.subject for finding in error.value.findings] == [
        "omero.web.debug",
        "omero.web.page_size",
    ]
    assert identities(engine) == {}


def test_an_unreadable_config_xml_is_an_error_and_is_kept(engine: Engine) -> None:
    engine.locations.config_xml.write_text("<broken")
    with pytest.raises(config_xml.Unreadable):
        engine.apply(Desired({texts.BOOLEAN: True}))
    assert engine.locations.config_xml.read_text() == "<broken"
    assert not engine.locations.record.exists()


def test_what_stood_there_by_hand_is_recorded_where_only_the_group_can_read(engine: Engine) -> None:
    config_xml.write(engine.locations.config_xml, {"omero.web.secret_key": "old"})
    apply(engine, {"omero.web.secret_key": "new"})
    record = engine.locations.record
    assert json.loads(record.read_text())["owned"] == {"omero.web.secret_key": "old"}
    assert stat.S_IMODE(record.stat().st_mode) == 0o640


def test_the_effective_value_is_the_set_one_or_the_default(engine: Engine) -> None:
    assert engine.effective("omero.web.page_size") == "200"
    assert engine.effective("omero.web.login_logo") is None
    logs = engine.locations.omerodir / "var/log"
    assert engine.effective("omero.web.logdir") == str(logs)
    apply(engine, {"omero.web.page_size": 100})
    assert again(engine).effective("omero.web.page_size") == "100"


def test_an_engine_that_has_applied_sees_its_own_changes(engine: Engine) -> None:
    assert engine.effective("omero.web.page_size") == "200"
    engine.apply(Desired({"omero.web.page_size": 100}))
    assert engine.effective("omero.web.page_size") == "100"


def test_the_digest_follows_the_properties_and_not_the_file(engine: Engine) -> None:
    apply(engine, {texts.BOOLEAN: True, texts.INTEGER: 1})
    digest = again(engine).digest()
    path = engine.locations.config_xml
    path.write_text(path.read_text().replace("><", ">\n<"))  # another form, a new time stamp
    assert again(engine).digest() == digest
    apply(engine, {texts.BOOLEAN: True, texts.INTEGER: 2})
    assert again(engine).digest() != digest


def test_the_digest_of_named_properties_follows_only_them(engine: Engine) -> None:
    digest = engine.digest(["omero.web.apps", "omero.web.static_root"])
    apply(engine, {texts.INTEGER: 5})
    assert again(engine).digest(["omero.web.apps", "omero.web.static_root"]) == digest
    apply(engine, {"omero.web.apps": ["a"]})
    assert again(engine).digest(["omero.web.apps", "omero.web.static_root"]) != digest


def lines_until_done(engine: Engine, values: dict[str, Any], check: Callable[[], None]) -> int:
    """Apply in processes that are killed before their 1st, 2nd, … line until one gets through.

    Each finds what stood there when this was called; the check follows each.
    """
    folder = engine.locations.config_xml.parent
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    finished, line = False, 0
    while not finished:
        line += 1
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        finished = die_before_line(line, lambda: apply(engine, values))
        check()
    return line


def test_killed_before_any_line_the_next_run_arrives_and_nothing_by_hand_is_lost(
    engine: Engine,
) -> None:
    by_hand = {texts.STRING: "mine", texts.INTEGER: "7"}
    config_xml.write(engine.locations.config_xml, by_hand)
    wanted = {texts.STRING: "theirs", texts.BOOLEAN: True}

    def check() -> None:
        found = current(engine)
        assert found in (
            by_hand,
            {texts.STRING: "theirs", texts.INTEGER: "7", texts.BOOLEAN: "true"},
        )
        apply(engine, wanted)
        assert again(engine).plan(Desired(wanted)).changes == ()
        assert current(engine) == {**by_hand, texts.STRING: "theirs", texts.BOOLEAN: "true"}
        apply(engine, {})
        assert current(engine) == by_hand

    assert lines_until_done(engine, wanted, check) > 50


def test_killed_while_a_property_leaves_the_inventory_it_leaves_in_the_next_run(
    engine: Engine,
) -> None:
    by_hand = {texts.STRING: "mine"}
    config_xml.write(engine.locations.config_xml, by_hand)
    apply(engine, {texts.STRING: "theirs", texts.BOOLEAN: True, texts.INTEGER: 1})
    assert len(current(engine)) == 3

    def check() -> None:
        assert len(current(engine)) in (2, 3)
        apply(engine, {texts.INTEGER: 1})
        assert current(engine) == {**by_hand, texts.INTEGER: "1"}
        apply(engine, {})
        assert current(engine) == by_hand

    lines_until_done(engine, {texts.INTEGER: 1}, check)


class Histories(RuleBasedStateMachine):
    """Any sequence of deploys, crashes and edits by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.path.realpath("/tmp")) / f"omeroweb-ops-histories-{os.getpid()}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.engine = installation(self.folder)
        self.by_hand: dict[str, str] = {}
        self.wanted: dict[str, Any] = {}

    def teardown(self) -> None:
        try:
            apply(self.engine, {})
            assert means_the_same(current(self.engine), self.by_hand)
            record = self.engine.locations.record
            assert not record.exists() or json.loads(record.read_text()) == {"owned": {}}
        finally:
            shutil.rmtree(self.folder)

    @rule(values=texts.wanted)
    def deploy(self, values: dict[str, Any]) -> None:
        apply(self.engine, values)
        self.wanted = values

    @rule(values=texts.wanted, line=st.integers(1, 200), then=texts.wanted)
    def deploy_is_killed_and_another_follows(
        self, values: dict[str, Any], line: int, then: dict[str, Any]
    ) -> None:
        die_before_line(line, lambda: apply(self.engine, values))
        apply(self.engine, then)
        self.wanted = then

    @rule(edits=texts.by_hand)
    def edit_what_the_inventory_does_not_name(self, edits: dict[str, str]) -> None:
        fixed = {
            *self.wanted,
            *NGINX_DEPENDS_ON,
        }  # NGINX depends on these: an error, see test_by_hand
        edits = {name: text for name, text in edits.items() if name not in fixed}
        config_xml.write(self.engine.locations.config_xml, {**current(self.engine), **edits})
        self.by_hand |= edits

    @invariant()
    def the_plan_is_empty_and_what_is_by_hand_is_untouched(self) -> None:
        plan = again(self.engine).plan(Desired(self.wanted))
        assert plan.changes == ()
        assert set(plan.drift) == self.by_hand.keys() - self.wanted.keys()
        found = current(self.engine)
        untouched = {name: found[name] for name in self.by_hand if name not in self.wanted}
        expected = {name: self.by_hand[name] for name in untouched}
        assert means_the_same(untouched, expected)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=25,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def wait_until_opened(lock: Path, times: int) -> None:
    """Return once this process has opened the lock so often: the last of them waits for it."""
    opened: list[str] = []
    while opened.count(str(lock)) < times:
        opened = [os.path.realpath(f"/dev/fd/{each}") for each in os.listdir("/dev/fd")]


def test_a_second_apply_waits_and_then_sees_what_the_first_has_written(engine: Engine) -> None:
    apply(engine, {texts.STRING: "x"})
    later = again(engine)
    assert later.current == {texts.STRING: "x"}  # read before the first one changes it
    thread = threading.Thread(
        target=lambda: later.apply(Desired({texts.STRING: "x", texts.INTEGER: 2}))
    )
    with config_xml.locked(engine.locations.lock):
        thread.start()
        wait_until_opened(engine.locations.lock, 2)
        # what another process would do that holds the lock
        config_xml.write(engine.locations.config_xml, {texts.STRING: "x", texts.BOOLEAN: "true"})
        assert thread.is_alive()
    thread.join()
    assert current(engine) == {texts.STRING: "x", texts.BOOLEAN: "true", texts.INTEGER: "2"}


def test_a_lock_that_somebody_keeps_is_named_after_its_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_xml, "LOCK_TIMEOUT", 0.3)
    with (
        config_xml.locked(engine.locations.lock),
        pytest.raises(OSError, match=f"has held it .*lslocks.*{engine.locations.lock}"),
    ):
        apply(engine, {texts.INTEGER: 1})
    apply(engine, {texts.INTEGER: 1})


RECORDS = ("[]", "{}", '{"owned": []}', '{"owned": {"a": 1}}', '{"owned": {}, "applied": ["x"]}',
           '{"owned": {}, "applied": {"a": null}}', "[" * 100_000, "9" * 5000)  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda text: text[:40])
@pytest.mark.parametrize("name", ["record", "previous"])
def test_a_forged_record_is_named_and_no_mistake_of_the_code(
    engine: Engine, name: str, record: str
) -> None:
    path: Path = getattr(engine.locations, name)
    text = f'{{"properties": {{}}, "record": {record}}}' if name == "previous" else record
    path.write_text(text)
    with pytest.raises(config_xml.Unreadable, match=str(path)):
        engine.rollback() if name == "previous" else engine.plan(Desired())


def test_a_dead_process_does_not_keep_the_lock(engine: Engine) -> None:
    finished, line = False, 0
    while not finished:
        line += 5
        finished = die_before_line(line, lambda: apply(engine, {texts.INTEGER: 2}))
        apply(engine, {texts.INTEGER: 1})  # would wait for ever


@settings(max_examples=5)
@given(st.lists(texts.wanted, min_size=2, max_size=6))
def test_applies_at_the_same_time_end_in_one_of_their_states(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[dict[str, Any]]
) -> None:
    engine = installation(tmp_path_factory.mktemp("together"))
    by_hand = {texts.STRING: "mine"}
    config_xml.write(engine.locations.config_xml, by_hand)
    children = []
    for values in wishes:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(5):
                    apply(engine, values)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(each, 0)[1]) for each in children] == [
        0 for _ in wishes
    ]
    assert any(again(engine).plan(Desired(values)).changes == () for values in wishes)
    apply(engine, {})
    assert means_the_same(current(engine), by_hand)
