"""Write the site, if NGINX accepts it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from omeroweb_ops.state import redaction
from pyinfra.api import StringCommand, operation

from ..host_paths import RUN
from ..operations import backup, shell_file
from ..operations.files import File
from ..operations.sync import read_states
from ..survey.existing_nginx import DEBIAN_USER
from . import request_policy, site_config

_ACCEPT = shell_file.read(__file__, "accept_site.sh")


@operation()
def write(
    file: File, only_if_new: bool, former: Sequence[str] = (), user: str = DEBIAN_USER
) -> Generator[StringCommand, None, None]:
    """Write the site, if `nginx -t` accepts it in a copy of the whole configuration.

    A refused file never reaches its path: the running NGINX, also after a restart, keeps the old
    file.

    + file: below /etc/nginx
    + only_if_new: do not change an existing file
    + former: files that the site replaces, which are backed up
    + user: of NGINX's workers
    """
    (found,) = read_states((file.path,))
    if not former and (found == file.state or (only_if_new and found != "absent")):
        return
    if former:
        backup.log_backup(former, "replaced by the bundle's own site")
    yield StringCommand(acceptance(file, former, user), _stdin=file.content)


def acceptance(file: File, former: Sequence[str] = (), user: str = DEBIAN_USER) -> str:
    """Return shell that reads a file from standard input and writes it, if NGINX accepts it.

    The tried configuration has links to the real files, so that no TLS key is copied. If others may
    not read the file, quotes in NGINX's errors are masked.
    """
    return shell_file.command(
        _ACCEPT,
        file.path,
        len(file.content.encode()),
        file.owner,
        file.mode,
        *(each for each in former if each != file.path),
        run=RUN,
        user=user,
        access_log=request_policy.ACCESS_LOG,
        connections=site_config.CONNECTIONS,
        open_files=site_config.OPEN_FILES,
        back_up=backup.backup_command(former),
        mask=f's/".*"/{redaction.MASK}/' if file.mode == "640" else "",
    )
