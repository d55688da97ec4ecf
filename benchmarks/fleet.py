"""Test hosts for benchmarks, and deploys of which a trace is kept."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.trace import Trace
from tests.integration.engine import ensure_engine
from tests.integration.hosts import Fleet
from tests.integration.images import ROOT

TIMEOUT = 1800  # seconds of a deploy


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Make test hosts; all are removed at the end."""
    hosts = Fleet(ensure_engine(), Path(tempfile.mkdtemp()))
    try:
        yield hosts
    finally:
        hosts.remove()


def seconds(step: Callable[[], object]) -> float:
    """Return how long a step takes."""
    began = time.monotonic()
    step()
    return time.monotonic() - began


def traced(
    inventory_text: str, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[float, Trace]:
    """Deploy, and return the seconds and the trace. Raises SystemExit with the output of a failure.

    The deploy is `./run pyinfra -y inventory.py deploy.py`, with benchmarks.trace around it.
    """
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "inventory.py").write_text(inventory_text)
        trace = place / "trace.json"
        run = [str(ROOT / "run"), "python", "-m", "benchmarks.trace", str(trace)]
        command = [*run, "-y", "inventory.py", str(ROOT / "deploy.py"), *arguments]
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=place,
            env=os.environ | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        took = time.monotonic() - began
        if done.returncode:
            raise SystemExit(f"the deploy ended with {done.returncode}:\n{done.stdout[-8000:]}")
        return took, Trace.read(trace)
