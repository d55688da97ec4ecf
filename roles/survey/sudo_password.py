"""The password of sudo: pyinfra asks for it if the administrator says that there is one."""

from __future__ import annotations

from pyinfra.api import Host


def is_wanted(host: Host) -> bool:
    """Return whether sudo needs a password: an option or the inventory says so.

    A password that is known already is given to pyinfra for each command of this run; otherwise
    pyinfra asks for the password as soon as sudo does.
    """
    config, data = host.state.config, host.data.dict()
    known = config.SUDO_PASSWORD or data.get("_sudo_password")
    if known:
        host.connector_data["prompted_sudo_password"] = known
    return bool(known or getattr(config, "USE_SUDO_PASSWORD", False))
