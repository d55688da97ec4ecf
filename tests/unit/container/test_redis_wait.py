"""Waiting for Redis, with the real client library and a server that speaks its protocol."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from omeroweb_ops.container import redis_wait
from omeroweb_ops.property_names import CACHES, SESSION_ENGINE
from omeroweb_ops.state.derived import CACHE_ENGINE, DeploymentContext, with_derived
from omeroweb_ops.state.desired import Desired

from roles.conventions import LOCATIONS


def properties(port: int) -> Mapping[str, Any]:
    around = DeploymentContext(redis=f"redis://127.0.0.1:{port}", redis_password="hunter2")
    return with_derived(Desired(), around, LOCATIONS).set


def serve(listener: socket.socket, loading: int) -> None:
    """Answer like Redis: that it loads its data, for some connections; then as usual."""
    while True:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            while line := stream.readline():
                words = [stream.readline() for _ in range(2 * int(line[1:]))][1::2]
                if words[0].strip().upper() == b"PING":
                    loading -= 1
                    answer = b"+PONG" if loading < 0 else b"-LOADING Redis is loading the dataset"
                    stream.write(answer + b"\r\n")
                else:
                    stream.write(b"+OK\r\n")
                stream.flush()


def test_it_waits_until_redis_has_loaded_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, 3), daemon=True).start()
        assert redis_wait.wait(properties(listener.getsockname()[1]), limit=30)
    assert "omeroweb-ops: waiting for redis://127.0.0.1:" in capsys.readouterr().err


def test_it_gives_up_with_a_warning_without_the_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not redis_wait.wait(properties(port), limit=0.3)
    told = capsys.readouterr().err
    assert f"omeroweb-ops: warning: redis://127.0.0.1:{port}/1 does not answer" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "elsewhere",
    [
        {},
        {SESSION_ENGINE: "django.contrib.sessions.backends.file"},
        {SESSION_ENGINE: CACHE_ENGINE},
        {SESSION_ENGINE: CACHE_ENGINE, CACHES: {"default": {"BACKEND": "somewhere"}}},
        {SESSION_ENGINE: CACHE_ENGINE, CACHES: {"default": {"LOCATION": "memcached:11211"}}},
    ],
)
def test_sessions_elsewhere_are_not_waited_for(elsewhere: dict[str, Any]) -> None:
    assert redis_wait.wait(elsewhere, limit=0)
