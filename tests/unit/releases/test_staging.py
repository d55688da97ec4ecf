"""A copy of the configuration: who may read it, and what a kill leaves of it."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

from omeroweb_ops.releases.staging import staged
from omeroweb_ops.state.engine import Engine

SECRET = "never to be found again"


def holders(folder: Path) -> list[str]:
    """Files below the directory that hold the secret."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path.relative_to(folder)) for path in found if SECRET in path.read_text()]


def test_a_copy_lies_where_nobody_else_can_look_and_goes_with_its_process(
    engine: Engine, tmp_path: Path
) -> None:
    engine.locations.omerodir.joinpath("var").mkdir()
    with staged({"omero.web.secret_key": SECRET}, engine.locations) as environment:
        copy = Path(environment["OMERODIR"])
        assert copy.parent == engine.locations.scratch
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(copy.stat().st_mode) == 0o700
        assert len(holders(tmp_path)) == 1
    assert holders(tmp_path) == []


def test_what_a_killed_process_leaves_goes_with_the_next_and_no_other(
    engine: Engine, tmp_path: Path
) -> None:
    child = os.fork()
    if child == 0:
        with staged({"omero.web.secret_key": SECRET}, engine.locations):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert len(holders(tmp_path)) == 1
    with staged({"omero.web.prefix": "/first"}, engine.locations) as first:
        assert holders(tmp_path) == []
        with staged({"omero.web.prefix": "/second"}, engine.locations):
            assert Path(first["OMERODIR"], "etc/grid/config.xml").exists()
    assert list(engine.locations.scratch.iterdir()) == []
