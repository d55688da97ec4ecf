"""What the build of an image removes, in a directory that stands for the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "roles/operations/trim_image.sh"
KEPT = (
    "usr/share/doc/libc6/copyright",
    "usr/share/zoneinfo/UTC",
    "release/lib/python3.11/site-packages/django/conf/locale/de/LC_MESSAGES/django.mo",
    "release/lib/python3.11/site-packages/django/test/client.py",
    "release/lib/python3.11/site-packages/django/contrib/admin/tests.py",
    "release/lib/python3.11/site-packages/numpy/testing/__init__.py",
    "release/lib/python3.11/site-packages/numpy-2.0.dist-info/METADATA",
    "release/bin/python",
)
REMOVED = (
    "usr/share/doc/libc6/changelog.gz",
    "usr/share/doc/libc6/examples/a.conf",
    "usr/share/locale/de/LC_MESSAGES/apt.mo",
    "usr/share/man/man1/ls.1.gz",
    "release/lib/python3.11/site-packages/numpy/__init__.pyi",
    "release/lib/python3.11/site-packages/numpy/lib/tests/test_a.py",
    "release/lib/python3.11/site-packages/numpy/lib/tests/__pycache__/test_a.pyc",
    "release/lib/python3.11/site-packages/tests/__init__.py",
)


def test_what_no_container_uses_goes_and_the_release_is_whole_again(tmp_path: Path) -> None:
    root = tmp_path / "ro ot"
    for name in (*KEPT, *REMOVED):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("ab")
    release = root / "release"
    (release / "complete").touch()
    for _ in range(2):  # and again nothing
        subprocess.run(["sh", SCRIPT, root, release], check=True)
        left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        assert left == {*KEPT, "release/complete"}
    files = sum(name.startswith("release/") for name in KEPT)
    assert (release / "complete").read_text() == f"{files} {2 * files}\n"
