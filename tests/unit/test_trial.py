"""A configuration's trial, watched from outside."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from omeroweb_ops import trial

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
        ("", 404, "answers 404"),
        ("sys.exit('the reason why')", 200, "the reason why"),
        ("time.sleep(60)", 200, "it does not even listen"),
    ],
)
def test_it_waits_until_the_socket_takes_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, status: int, reason: str | None
) -> None:
    monkeypatch.setattr(trial, "PATIENCE", 3.0)
    path = tmp_path / "trial.sock"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", LATE.format(then=then, status=status), str(path)], stderr=said
        )
        try:
            found = trial._watched(process, path, {}, said)
        finally:
            process.kill()
            process.wait()
    assert (found is None) == (reason is None)
    assert reason is None or reason in (found or "")
