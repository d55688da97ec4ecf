"""Commands that run while later operations do, with the real pyinfra on this machine."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from pyinfra.api import FunctionCommand, State, StringCommand, operation
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.connectors import util
from pyinfra.operations import server

from roles.operations import background


@operation()
def begin(*commands: str) -> Generator[FunctionCommand, None, None]:
    yield background.start("task", [StringCommand(each) for each in commands])


def test_later_operations_run_meanwhile(state: State, tmp_path: Path) -> None:
    """Each waits for the other: one after the other would take for ever."""
    one, two = tmp_path / "one", tmp_path / "two"
    wait = "for _ in $(seq 400); do [ -e {} ] && break; sleep 0.05; done; [ -e {} ]"
    add_op(state, begin, f"touch {one}", wait.format(two, two), f"cp {two} {tmp_path}/three")
    add_op(state, server.shell, commands=[f"{wait.format(one, one)} && echo content > {two}"])
    add_op(state, background.wait, "task")
    add_op(state, server.shell, commands=[f"cp {tmp_path}/three {tmp_path}/four"])
    run_ops(state)
    assert (tmp_path / "four").read_text() == "content\n"


def test_who_waits_fails_with_the_command_that_failed(
    state: State, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_op(state, begin, "true", "echo the reason; exit 3", f"touch {tmp_path}/never")
    add_op(state, server.shell, commands=[f"touch {tmp_path}/meanwhile"])
    add_op(state, background.wait, "task")
    with pytest.raises(PyinfraError):
        run_ops(state)
    assert "the reason" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["meanwhile"]


def test_output_can_be_printed_at_once_and_then_is_not_printed_again(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(util, "echo", lambda line, err: printed.append(line))

    @operation()
    def begin_aloud() -> Generator[FunctionCommand, None, None]:
        command = StringCommand("echo waits for apt; exit 3")
        yield background.start("task", [command], print_output=True)

    add_op(state, begin_aloud)
    add_op(state, background.wait, "task")
    with pytest.raises(PyinfraError):
        run_ops(state)
    assert [line.split()[-3:] for line in printed] == [["waits", "for", "apt"]]
    assert "waits for apt" not in caplog.text


def test_without_a_task_nothing_is_waited_for(state: State) -> None:
    (meta,) = add_op(state, background.wait, "task").values()
    run_ops(state)
    assert not meta.did_change()
