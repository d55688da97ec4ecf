"""Prepare the directories of an image that runs as any user of group 0."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from pathlib import PurePosixPath

from pyinfra.api import operation

OWNER = "1000:0"  # the image's user; another user has the group
MODE = "2770"


@operation(is_idempotent=False)
def make_writable(paths: Sequence[str], links: Mapping[str, str]) -> Generator[str, None, None]:
    """Make directories that the container writes to, and links into them.

    + paths: the directories
    + links: path to target; a directory at the path is replaced
    """
    for path in map(shlex.quote, paths):
        yield f"mkdir -p {path} && chown -R {OWNER} {path} && chmod {MODE} {path}"
    for path, target in links.items():
        yield f"mkdir -p {PurePosixPath(path).parent} && rm -rf {path} && ln -s {target} {path}"
