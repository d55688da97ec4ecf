"""bin/release, run in a folder of its own: what the service's user says decides no path."""

from __future__ import annotations

import subprocess
from pathlib import Path

import jinja2
import pytest

from roles import host_paths
from roles.operations import prefetch
from roles.web import files, sandbox

NOW, THEN = "0123456789ab", "ba9876543210"
DIGEST = "d" * 64


class Releases:
    """Two releases, the script, and what `omeroweb-ops` answers in it."""

    def __init__(self, folder: Path) -> None:
        self.base = folder
        for name in (NOW, THEN):
            (folder / "releases" / name).mkdir(parents=True)
            (folder / "releases" / name / "complete").touch()
            (folder / "releases" / name / "bin").mkdir()
            (folder / "releases" / name / "lib/python3.11").mkdir(parents=True)
            for program in ("gunicorn", "python3.11"):
                path = folder / "releases" / name / "bin" / program
                path.write_text("#!/bin/sh\n")
                path.chmod(0o755)
            (folder / "releases" / name / "bin/python").symlink_to("python3.11")
        (folder / "state").mkdir()
        (folder / "venv3").symlink_to(folder / "releases" / NOW)
        (folder / "theirs").mkdir()
        (folder / "theirs/complete").touch()
        template: jinja2.Template = files._TEMPLATES.get_template("bin_release.sh.j2")
        text = template.render(
            base=folder,
            sandbox=sandbox,
            paths=host_paths,
            release_files=prefetch.RELEASE_FILES,
            manager="image",
        )
        self._script = folder / "release"
        self._script.write_text(text.replace(host_paths.OPS_COMMAND, str(folder / "ops")))

    def __call__(self, *arguments: str, note: str = "", digest: str = DIGEST) -> tuple[int, str]:
        for name, text in (("note", note), ("digest", digest)):
            (self.base / name).write_text(text)
        (self.base / "ops").write_text(
            f'#!/bin/sh\necho "$*" >> {self.base}/asked\n'
            f"[ ! -s {self.base}/$2 ] || cat {self.base}/$2\n"
        )
        (self.base / "ops").chmod(0o755)
        done = subprocess.run(
            ["sh", str(self._script), *arguments], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    @property
    def current(self) -> str:
        return str((self.base / "venv3").readlink().relative_to(self.base))


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path)


def test_what_has_been_seen_to_serve_is_gone_back_to(releases: Releases) -> None:
    assert releases("seen", note=f"{NOW} {DIGEST}\n") == (0, "")
    assert (releases.base / "state/served").read_text() == f"{NOW} {DIGEST}\n"
    assert releases("link", THEN) == (0, "")
    assert releases.current == f"releases/{THEN}"
    assert releases("back") == (0, "")
    assert releases.current == f"releases/{NOW}"


@pytest.mark.parametrize("name", ["../theirs", "", ".", "..", f"{NOW}/../{THEN}", "x y", "a\nb"])
def test_no_other_name_is_linked(releases: Releases, name: str) -> None:
    status, said = releases("link", name)
    assert status == 1
    assert "not the name of a release" in said
    assert releases.current == f"releases/{NOW}"


@pytest.mark.parametrize(
    "note", [f"../theirs {DIGEST}", f"{THEN} {DIGEST}", f"\n\n../theirs\n{DIGEST}", f" {DIGEST}"]
)
def test_root_knows_the_release_itself(releases: Releases, note: str) -> None:
    assert releases("seen", note=note)[0] in (0, 1)
    served = releases.base / "state/served"
    assert not served.exists() or served.read_text() == f"{NOW} {DIGEST}\n"


@pytest.mark.parametrize("note", ["", "nothing", f"{NOW} $(touch x)", f"{NOW} ../x", "a " * 9999])
def test_a_digest_is_a_digest(releases: Releases, note: str) -> None:
    assert releases("seen", note=note)[0] == 1
    assert not (releases.base / "state/served").exists()


def test_what_an_older_script_has_written_down_leads_nowhere_else(releases: Releases) -> None:
    (releases.base / "state/served").write_text(f"../theirs {DIGEST}\n")
    assert releases("back")[0] == 1
    assert releases.current == f"releases/{NOW}"
