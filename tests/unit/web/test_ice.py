"""Which zeroc-ice wheel a host gets, and that it is the one that was built."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from roles.inventory.settings import read
from roles.web.ice import CachedWheel, Wheel, build_command

WHEEL = "zeroc_ice-3.6.5-cp311-cp311-linux_x86_64.whl"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Wheel.wanted(None, "debian-12-x86_64")


def keep(kept: CachedWheel, content: bytes = b"wheel", digest: str | None = None) -> None:
    kept.folder.mkdir(parents=True)
    (kept.folder / WHEEL).write_bytes(content)
    kept.sums.write_text(f"{digest or hashlib.sha256(content).hexdigest()}  {WHEEL}\n")


def test_what_a_container_has_built_is_for_containers(wheel: Wheel) -> None:
    keep(wheel.kept("@docker/test"))
    assert wheel.kept("@docker/other").wheel
    for name in ("omero.example.org", "@local", "@dockerssh/omero.example.org", "@ssh/host"):
        assert wheel.kept(name).wheel is None


def test_what_a_host_by_ssh_has_built_is_for_those_alone(wheel: Wheel) -> None:
    keep(wheel.kept("omero.example.org"))
    assert wheel.kept("@ssh/10.0.0.7").wheel
    for name in ("@local", "@docker/test"):
        assert wheel.kept(name).wheel is None


def test_a_kept_wheel_that_was_changed_is_recognised(wheel: Wheel) -> None:
    kept = wheel.kept("omero.example.org")
    assert not kept.is_sound()
    keep(kept)
    assert kept.is_sound()
    (kept.folder / WHEEL).write_bytes(b"another")
    assert not kept.is_sound()
    kept.sums.unlink()  # an older bundle noted none
    assert kept.is_sound()


def test_a_path_may_have_its_digest(tmp_path: Path) -> None:
    path = tmp_path / WHEEL
    path.write_bytes(b"wheel")
    digest = hashlib.sha256(b"wheel").hexdigest()
    settings, findings = read({"web_ice_wheel": f"{path}#sha256={digest}"})
    assert findings == []
    found = Wheel.wanted(settings.web_ice_wheel, "debian-12-x86_64")
    assert (found.given, found.key) == (str(path), Wheel.wanted(str(path), "").key)
    _, findings = read({"web_ice_wheel": f"{path}#sha256={'0' * 64}"})
    (finding,) = findings
    assert finding.subject == "web_ice_wheel"
    assert f"has the sha256 {digest}, not {'0' * 64}" in finding.message


def test_as_many_compilers_run_as_the_cgroup_has_room_for(tmp_path: Path) -> None:
    """A machine of 64 cores may have lent two of them to this container."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase $* in *cgroup.py*) echo 2 ;; *) echo "$*" ;; esac\n')
    python.chmod(0o755)
    command = build_command(str(python), tmp_path, tmp_path / "build")
    said = subprocess.check_output(["sh", "-ec", command], text=True)
    assert said == f"-u {tmp_path}/build_wheel.py --output {tmp_path}/build --jobs 2\n"
