"""`./run lock`: what it reads from an inventory (test_older_version.py makes a lock)."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from roles.site_lock import APP
from tests.unit.helpers import HASH

WEB = '("web{0}.example.org", {1})'


# In a process of its own, because pyinfra's command line patches Python's sockets and threads.
READ = """
import pickle, sys, click
from roles.cli.site_packages import SitePackages
try:
    found = SitePackages.of(sys.argv[1])
except click.ClickException as error:
    found = error.message
sys.stdout.buffer.write(pickle.dumps(found))
"""


def site(folder: Path, *data: dict[str, object]) -> Any:
    """Read an inventory whose web hosts have these data: a SitePackages, or an error's text."""
    hosts = ", ".join(WEB.format(number, each) for number, each in enumerate(data))
    (folder / "site.py").write_text(f"web = [{hosts}]\nnginx = ['front.example.org']\n")
    command = [sys.executable, "-c", READ, str(folder / "site.py")]
    done = subprocess.run(command, cwd=APP.parent, capture_output=True, check=True)
    return pickle.loads(done.stdout)


def test_the_plugins_of_all_hosts_are_locked_unless_they_have_a_line(tmp_path: Path) -> None:
    found = site(tmp_path, {"web_plugins": ["omero-mapr"]}, {"web_plugins": ["omero-figure"]})
    assert found.missing("omero-web==1\n# omero-mapr\n") == ["omero-mapr", "omero-figure"]
    assert found.missing("omero_mapr>=0.5 # ours\n") == ["omero-figure"]
    assert "omero-figure==" in found.present
    assert "omero-web==" in found.present
    assert found.lock_path == tmp_path / "requirements.txt"


def test_the_lock_of_the_inventory_is_written_also_if_it_does_not_exist(tmp_path: Path) -> None:
    found = site(tmp_path, {"web_requirements": "locks/site.txt"})
    assert found.own == found.lock_path == tmp_path / "locks/site.txt"
    assert "omero-web==" in found.present  # what a deploy installs until then
    found.lock_path.parent.mkdir()
    found.lock_path.write_text(f"numpy==1 {HASH}\n")
    assert found.present == found.preferences == f"numpy==1 {HASH}\n"


def test_a_lock_that_is_not_yet_in_use_is_kept(tmp_path: Path) -> None:
    found = site(tmp_path, {})
    (tmp_path / "requirements.txt").write_text(f"numpy==1 {HASH}\n")
    assert found.preferences == f"numpy==1 {HASH}\n"
    assert "omero-web==" in found.present


def test_two_locks_and_a_plugin_that_is_not_known_are_errors(tmp_path: Path) -> None:
    found = site(tmp_path, {"web_requirements": "a.txt"}, {"web_requirements": "b.txt"})
    assert "several web_requirements" in found
    assert "did you mean omero-figure" in site(tmp_path, {"web_plugins": ["omero-figur"]})


def test_what_uv_or_its_parser_refuses_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text("web = nginx = ['web.example.org']\n")
    command = [str(APP.parent / "run"), "lock", str(tmp_path), "--add", "x y"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: no lock is made: ")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["site.py"]
