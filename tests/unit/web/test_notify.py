"""What a deploy writes for web_notify, and that nothing is left without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roles import host_paths
from roles.operations.files import Absent, File
from roles.target import Target
from roles.web import notify
from tests.unit.helpers import SURVEY, a_host, only_member, site_of


def items(value: Any, *, systemd: bool = True) -> dict[str, Any]:
    site = site_of(a_host(web_notify=value))
    target = Target(site, only_member(site), replace(SURVEY, systemd=systemd))
    return {item.path: item for item in notify.items(target)}


def test_only_root_reads_the_settings() -> None:
    found = items({"mail": ["root"], "smtp": "mail.example.org"})
    settings = found[host_paths.NOTIFY_SETTINGS]
    assert (settings.owner, settings.mode) == ("root:root", "600")
    unit = found[host_paths.NOTIFY_SERVICE].content.splitlines()
    assert "ProtectSystem=strict" in unit
    assert "NoNewPrivileges=yes" in unit


def test_sendmail_may_write_its_queue_and_deliver_after_the_run() -> None:
    unit = items({"mail": ["root"]})[host_paths.NOTIFY_SERVICE].content.splitlines()
    assert "KillMode=process" in unit
    assert "ProtectSystem=full" in unit
    assert "NoNewPrivileges=yes" not in unit


@pytest.mark.parametrize("path", [host_paths.NOTIFY_SERVICE, host_paths.NOTIFY_TIMER])
def test_without_systemd_there_is_no_unit(path: str) -> None:
    found = items({"mail": ["root"]}, systemd=False)
    assert isinstance(found[path], Absent)
    assert isinstance(found[host_paths.NOTIFY_COMMAND], File)


def test_without_web_notify_nothing_is_left() -> None:
    wanted = {path for path, item in items({"mail": ["root"]}).items() if isinstance(item, File)}
    found = items(None)
    assert all(isinstance(item, Absent) for item in found.values())
    assert wanted <= found.keys()
