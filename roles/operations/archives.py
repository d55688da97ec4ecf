"""Store an archive that another user's process prints in a file that root owns."""

from __future__ import annotations

MAX_ARCHIVE_SIZE = 2_000_000_000  # bytes
PACKING_TIMEOUT = 900  # seconds
MAX_ERRORS_SIZE = 20_000  # bytes of the packing command's error messages


def limited_archive(command: str, archive: str) -> str:
    """Return shell that writes a command's output to a file of limited size, so that no disk fills.

    The command writes to a pipe, because a limit for files (`ulimit -f`) does not reach a process
    that systemd starts.
    """
    return (
        f"{{ {command} && : > {archive}.complete; }} | head -c {MAX_ARCHIVE_SIZE} > {archive}; "
        f"[ -e {archive}.complete ] || {{ [ $(wc -c < {archive}) -lt {MAX_ARCHIVE_SIZE} ] || "
        f"echo 'the static files have more than {MAX_ARCHIVE_SIZE} bytes'; exit 1; }}"
    )
