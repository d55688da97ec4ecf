"""A configuration's trial, watched from outside."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from omeroweb_ops.releases import trial

# A server that is slow between making its socket's file and listening on it.
LATE = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
time.sleep(0.5)
{then}
server.listen(1)
while True:
    client, _ = server.accept()
    if client.recv(4096):
        client.sendall(b"HTTP/1.0 {status} X\\r\\n\\r\\n")
    client.close()
"""


@pytest.mark.parametrize(
    ("then", "status", "reason"),
    [
        ("", 200, None),
        ("", 404, "its login page answers 404"),
        ("sys.exit('the reason why')", 200, "the reason why"),
        ("sys.exit(0)", 200, "the trial ended with status 0"),
        ("raise OSError('why')", 200, "OSError: why"),
        ("time.sleep(60)", 200, "the login page does not answer within 3 s"),
    ],
)
def test_it_waits_until_the_socket_takes_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, status: int, reason: str | None
) -> None:
    monkeypatch.setattr(trial, "TRIAL_TIMEOUT", 3.0)
    found = watched(tmp_path, then, status)
    assert found == (reason and f"OMERO.web does not start with it: {reason}")


def test_an_error_of_the_login_page_is_told_from_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is gone with the trial."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plug.py").write_text("def page():\n    raise RuntimeError('secret reason')\n")
    then = (
        "import logging, os; os.makedirs('var/log'); "
        "logging.basicConfig(filename='var/log/OMEROweb.log')\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "try: import plug; plug.page()\n"
        "except RuntimeError: logging.exception('Internal Server Error')"
    )
    assert watched(tmp_path, then, 500) == (
        "OMERO.web does not start with it: its login page answers 500: "
        "RuntimeError: secret reason (in plug.py, line 2)"
    )


@pytest.mark.parametrize(
    ("status", "path", "reason"),
    [
        (302, "/webclient/login/", None),  # single sign-on by a middleware
        (302, "/sso/", None),
        (401, "/sso/", None),  # the proxy in front authenticates
        (401, "/webclient/login/", "its login page answers 401"),
        (500, "/sso/", "its login page answers 500"),
    ],
)
def test_the_page_of_the_login_view_is_requested(
    tmp_path: Path, status: int, path: str, reason: str | None
) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/login-path").write_text(path)
    found = watched(tmp_path, "", status)
    assert found == (reason and f"OMERO.web does not start with it: {reason}")


def watched(folder: Path, then: str, status: int) -> str | None:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", LATE.format(then=then, status=status), "trial.sock"],
            cwd=folder,
            stderr=said,
        )
        try:
            return trial._watched(process, folder / "trial.sock", {}, said)
        finally:
            process.kill()
            process.wait()
