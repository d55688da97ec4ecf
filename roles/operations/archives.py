"""Archives that another user's process prints, in files of root's."""

from __future__ import annotations

MAX_ARCHIVE_SIZE = 2_000_000_000  # bytes that are taken
PACKING_TIMEOUT = 900  # seconds
MAX_ERRORS_SIZE = 20_000  # bytes of what packing prints besides


def limited_archive(command: str, archive: str) -> str:
    """Shell: what a command prints, in a file of root's, which it cannot fill the disk with.

    Its own process writes to a pipe: a limit for files (`ulimit -f`) does not reach what systemd
    starts for it.
    """
    return (
        f"{{ {command} && : > {archive}.complete; }} | head -c {MAX_ARCHIVE_SIZE} > {archive}; "
        f"[ -e {archive}.complete ] || {{ [ $(wc -c < {archive}) -lt {MAX_ARCHIVE_SIZE} ] || "
        f"echo 'the static files have more than {MAX_ARCHIVE_SIZE} bytes'; exit 1; }}"
    )
