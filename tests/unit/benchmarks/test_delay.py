"""The relay of a line with latency: all bytes arrive, in their order, in both directions."""

from __future__ import annotations

import socket
import threading

from benchmarks.delay import relay


def _echo(listener: socket.socket) -> None:
    """Send everything back, and close after the end of the input."""
    connection, _address = listener.accept()
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def test_bytes_come_back_whole_and_the_end_is_passed_on() -> None:
    sent = bytes(range(256)) * 4000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_echo, args=(listener,), daemon=True)
        thread.start()
        with (
            relay("127.0.0.1", listener.getsockname()[1], latency=0.01) as port,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            writing = threading.Thread(target=_send, args=(client, sent), daemon=True)
            writing.start()
            received = b""
            while data := client.recv(65536):
                received += data
    assert received == sent


def _send(client: socket.socket, data: bytes) -> None:
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)
