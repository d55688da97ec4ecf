"""Show that a long operation is still running, also without a terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import gevent
from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback, StateStage

from . import run_context

INTERVAL = 10.0  # seconds after which an operation is long, and between two lines


@dataclass
class _Running:
    """An operation that runs on a host. reported: when its last line was printed."""

    name: str
    began: float = field(default_factory=time.monotonic)
    reported: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> int:
        return round(time.monotonic() - self.began)


@dataclass(eq=False)
class _Progress:
    """The operations that run now, by the host's name."""

    running: dict[str, _Running] = field(default_factory=dict)


def watch(state: State) -> None:
    """Print a line for each INTERVAL that an operation runs on a host, and its time at its end."""
    context = run_context.of(state)
    if context.get(_Progress) is None:
        context.put(_Progress())
        state.add_callback_handler(_Times())
        gevent.spawn(_report, state)


def _of(state: State) -> dict[str, _Running]:
    found = run_context.of(state).get(_Progress)
    return found.running if found else {}


class _Times(BaseStateCallback):
    """Notes when an operation begins and ends on a host."""

    @staticmethod
    def operation_host_start(state: State, host: Host, op_hash: str) -> None:
        if op_hash in state.ops[host]:
            name = min(state.get_op_meta(op_hash).names, default="Operation")
            _of(state)[host.name] = _Running(name)

    @staticmethod
    def operation_host_success(
        state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        _end(state, host)

    @staticmethod
    def operation_host_error(
        state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        _end(state, host)


def _end(state: State, host: Host) -> None:
    ended = _of(state).pop(host.name, None)
    if ended and ended.seconds >= INTERVAL:
        host.log(f"{ended.name}: took {ended.seconds} s")


def _report(state: State) -> None:
    """Print a line for each operation that is long, until the run ends."""
    while state.current_stage <= StateStage.Execute:
        gevent.sleep(1)
        for name, each in [*_of(state).items()]:
            if time.monotonic() - each.reported >= INTERVAL:
                each.reported = time.monotonic()
                state.inventory.get_host(name).log(f"{each.name}: running for {each.seconds} s")
