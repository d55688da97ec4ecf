"""Facts that are asked together, with real commands and the real pyinfra on this machine."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra import host as current_host
from pyinfra.api import Host, State, operation
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.operations import server

from roles.operations import known_facts, prefetch_store
from roles.operations.facts import HostFact
from roles.operations.known_facts import Answers, Question, answer, expect, split
from tests.operations.local import ask, shell


class Output(HostFact[list[str]]):
    """The output of a command."""

    def command(self, script: str) -> str:
        return script

    @staticmethod
    def default() -> list[str]:
        return ["default"]

    def process(self, output: list[str]) -> list[str]:
        return output


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of the facts that were asked."""
    found: list[str] = []
    get_fact: Callable[..., object] = Host.get_fact

    def noted(self: Host, fact: type[HostFact[object]], *args: object, **named: object) -> object:
        found.append(fact.__name__)
        return get_fact(self, fact, *args, **named)

    monkeypatch.setattr(Host, "get_fact", noted)
    return found


class Looks:
    """Operations of a deploy that do not change anything, and their answers in turn."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.found: list[list[list[str]]] = []

    def look(self, *scripts: str) -> None:
        """Add an operation that asks."""

        @operation()
        def ask_all(_number: int) -> Generator[str, None, None]:
            if current_host.state.is_executing:
                self.found.append([answer(Question(Output, script=script)) for script in scripts])
            yield from ()

        add_op(self.state, ask_all, len(self.state.op_meta))

    def then(self, act: Callable[[], object]) -> None:
        """Add an operation that does something behind the deploy's back."""

        @operation()
        def do(_number: int) -> Generator[str, None, None]:
            if current_host.state.is_executing:
                act()
            yield from ()

        add_op(self.state, do, len(self.state.op_meta))

    def run(self) -> list[list[list[str]]]:
        run_ops(self.state)
        return self.found


def test_expected_questions_cost_one_remote_call(state: State, calls: list[str]) -> None:
    scripts = ["echo one; echo two", "printf 'no end'", "true", "printf '\\n'", "cat"]
    (host,) = state.inventory
    expect(host, [Question(Output, script=each) for each in [*scripts, "false"]])
    looks = Looks(state)
    looks.look(*scripts)
    looks.look("echo not expected")
    assert looks.run() == [
        [["one", "two"], ["no end"], ["default"], [""], ["default"]],
        [["not expected"]],
    ]
    assert calls == ["Answers", "Output"]


def test_what_two_roles_expect_is_asked_once(state: State, tmp_path: Path) -> None:
    (host,) = state.inventory
    script = f"echo asked >> {tmp_path}/log"
    expect(host, [Question(Output, script=script), Question(Output, script=script)])
    looks = Looks(state)
    looks.look(script, script)
    looks.run()
    assert (tmp_path / "log").read_text() == "asked\n"


def test_a_command_that_fails_is_asked_by_itself_and_reported(
    state: State, calls: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (host,) = state.inventory
    expect(host, [Question(Output, script="echo fine"), Question(Output, script="echo why; false")])
    looks = Looks(state)
    looks.look("echo fine")
    looks.look("echo why; false")
    with pytest.raises(PyinfraError):
        looks.run()
    assert looks.found == [[["fine"]]]
    assert calls == ["Answers", "Output"]
    assert "why" in caplog.text


def test_after_a_command_each_question_is_asked_again(
    state: State, calls: list[str], tmp_path: Path
) -> None:
    (host,) = state.inventory
    file = tmp_path / "file"
    file.write_text("before\n")
    script = f"cat {file}"
    expect(host, [Question(Output, script=script)])
    looks = Looks(state)
    looks.look(script)
    looks.then(lambda: file.write_text("not seen\n"))
    looks.look(script)
    add_op(state, server.shell, commands=[f"echo after > {file}"])
    looks.look(script)
    assert looks.run() == [[["before"]], [["before"]], [["after"]]]
    assert calls == ["Answers", "Output"]


def test_old_answers_are_asked_again(
    state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without -y, pyinfra waits for a person between two looks."""
    (host,) = state.inventory
    file = tmp_path / "file"
    file.write_text("before\n")
    script = f"cat {file}"
    expect(host, [Question(Output, script=script)])
    looks = Looks(state)
    looks.look(script)
    looks.then(lambda: monkeypatch.setattr(prefetch_store, "MAX_AGE", -1.0))
    looks.then(lambda: file.write_text("after\n"))
    looks.look(script)
    assert looks.run() == [[["before"]], [["after"]]]


LINES = st.lists(st.text("0123:.\n\\'$ ab", max_size=12), max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(LINES, st.booleans()), min_size=1, max_size=5))
def test_no_command_writes_the_answer_of_another(
    commands: list[tuple[list[str], bool]],
) -> None:
    """The outputs are what a hostile process may print."""
    texts = ["\n".join(lines) for lines, _ in commands]
    scripts = [
        f"cat <<'END'\n{text}\nEND\n{'true' if succeeds else 'false'}"
        for text, (_, succeeds) in zip(texts, commands, strict=True)
    ]
    done = shell(Answers().command(tuple(scripts)))
    found = split(done.stdout.splitlines()[1:])  # after HostFact's own marker
    assert found == {
        number: text.split("\n")
        for number, (text, (_, succeeds)) in enumerate(zip(texts, commands, strict=True))
        if succeeds
    }


def test_a_command_reads_nothing_of_the_next() -> None:
    output = ask(Answers, commands=("cat", "echo second"))
    assert split(output) == {0: [], 1: ["second"]}
    assert known_facts.split([]) == {}
