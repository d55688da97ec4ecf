"""Run pyinfra as `pyinfra` does, and write down what the time of the run went to.

`./run python -m benchmarks.trace FILE -y inventory.py deploy.py` writes FILE as JSON; see Trace.
Times are seconds since the process began (`./run` becomes this process).
"""

from __future__ import annotations

import time

BEGAN = time.clock_gettime(time.CLOCK_BOOTTIME)  # before the imports that are measured

import contextvars  # noqa: E402
import functools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import asdict, dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

_CALLS = ("run_shell_command", "put_file", "get_file")
_is_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("is_inside", default=False)


@dataclass(frozen=True)
class Call:
    """A remote call: of a connector, by pyinfra or by the deploy."""

    host: str
    kind: str
    begin: float
    end: float


@dataclass(frozen=True)
class Operation:
    """An operation on a host. key: the same on all hosts; two operations may have one name."""

    host: str
    name: str
    key: str
    begin: float
    end: float


@dataclass
class Trace:
    """What a run did. stages: pyinfra's stages, with their beginning. cpu: seconds, of this process
    and its children (`docker exec`), without processes on the hosts.
    """

    python: float = 0.0
    imported: float = 0.0
    end: float = 0.0
    cpu: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Trace:
        """Read what a run has written."""
        content = json.loads(path.read_text("utf-8"))
        calls = [Call(**each) for each in content.pop("calls")]
        operations = [Operation(**each) for each in content.pop("operations")]
        return cls(**content, calls=calls, operations=operations)

    def calls_per_host(self) -> int:
        """Return the largest number of remote calls that a host got."""
        hosts = [each.host for each in self.calls]
        return max(map(hosts.count, {*hosts}), default=0)


def _process_start() -> float:
    """Return when this process began, on the clock of BEGAN (proc(5): starttime, field 22)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


class _Recorder:
    def __init__(self) -> None:
        self.start = _process_start()
        self.trace = Trace(python=BEGAN - self.start)

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.start

    def install(self) -> None:
        """Wrap pyinfra's connectors and its stages."""
        from pyinfra.api.state import State
        from pyinfra.connectors.docker import DockerConnector
        from pyinfra.connectors.local import LocalConnector
        from pyinfra.connectors.ssh import SSHConnector

        for connector in (DockerConnector, LocalConnector, SSHConnector):
            for kind in _CALLS:
                setattr(connector, kind, self.counted(kind, getattr(connector, kind)))
        original_stage, original_init = State.set_stage, State.init

        def set_stage(state: Any, stage: Any) -> None:
            self.trace.stages[stage.name] = self.now()
            original_stage(state, stage)

        def init(state: Any, *arguments: Any, **options: Any) -> None:
            original_init(state, *arguments, **options)
            state.add_callback_handler(self.callback())

        State.set_stage = set_stage  # type: ignore[assignment, method-assign]
        State.init = init  # type: ignore[assignment, method-assign]

    def counted(self, kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method with a note about each call; the docker connector calls the local."""

        @functools.wraps(original)
        def wrapped(connector: Any, *arguments: Any, **options: Any) -> Any:
            if _is_inside.get():
                return original(connector, *arguments, **options)
            token, begin = _is_inside.set(True), self.now()
            try:
                return original(connector, *arguments, **options)
            finally:
                _is_inside.reset(token)
                self.trace.calls.append(Call(connector.host.name, kind, begin, self.now()))

        return wrapped

    def callback(self) -> Any:
        """Return pyinfra's callbacks that note operations."""
        from pyinfra.api.state import BaseStateCallback

        begun: dict[tuple[str, str], float] = {}
        recorder = self

        class Times(BaseStateCallback):
            @staticmethod
            def operation_host_start(state: Any, host: Any, op_hash: str) -> None:
                begun[host.name, op_hash] = recorder.now()

            @staticmethod
            def operation_host_success(
                state: Any, host: Any, op_hash: str, retry_count: int = 0
            ) -> None:
                begin = begun.pop((host.name, op_hash), None)
                if begin is not None:
                    name = min(state.get_op_meta(op_hash).names, default="")
                    ended = Operation(host.name, name, op_hash, begin, recorder.now())
                    recorder.trace.operations.append(ended)

        return Times()

    def write(self, path: Path) -> None:
        """Write the trace."""
        self.trace.end = self.now()
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        self.trace.cpu = sum(each.ru_utime + each.ru_stime for each in used)
        path.write_text(json.dumps(asdict(self.trace)), "utf-8")


def main() -> int:
    """Run pyinfra with the arguments after the file's name; return its exit status."""
    recorder = _Recorder()
    import pyinfra_cli.main

    path = Path(sys.argv[1]).absolute()
    sys.argv = ["pyinfra", *sys.argv[2:]]
    recorder.install()
    recorder.trace.imported = recorder.now()
    try:
        pyinfra_cli.main.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    recorder.write(path)
    return status


if __name__ == "__main__":
    sys.exit(main())
